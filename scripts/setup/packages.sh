# shellcheck shell=bash disable=SC2154
# Debian packages: what is missing, and how it is installed. Sourced by scripts/setup.sh.

# A user's PATH leaves out the folders where Debian keeps servers.
have() { PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1" >/dev/null; }
need() { have "$1" || missing+=("$2"); } # program package

need_servers() {
    need mosquitto mosquitto
    need redis-server redis-server
    need influxd influxdb
}

need_test_programs() {
    need victoria-metrics victoria-metrics
    need chromium chromium
    need openssl openssl
    need promtool prometheus
    need systemd-analyze systemd
}

need_fault_programs() {
    need gcc gcc
    if ! echo '#include <time.h>' | gcc -E - >/dev/null 2>&1; then missing+=(libc6-dev); fi
    need unshare util-linux
}

need_appliance_programs() {
    need debootstrap debootstrap
    need systemd-nspawn systemd-container
    need nsenter util-linux
    need qemu-aarch64-static qemu-user-static
}

need_powercut_programs() {
    need_appliance_programs
    need qemu-system-x86_64 qemu-system-x86
    need mkfs.ext4 e2fsprogs
}

# systemd-python is published as source only: it is compiled against libsystemd.
need_build_tools() {
    if [ -z "$python" ]; then
        missing+=(python3 python3-venv python3-dev)
    else
        "$python" -c 'import ensurepip, venv' 2>/dev/null || need_of_python python3-venv
        has_headers || need_of_python python3-dev
    fi
    need gcc gcc
    need pkg-config pkg-config
    if ! have pkg-config || ! pkg-config --exists libsystemd; then missing+=(libsystemd-dev); fi
}

need_of_python() { # package
    if [ "$python" != /usr/bin/python3 ]; then
        stop 2 "$python lacks what Debian's $1 has for the system's own Python." \
            "Install it for that Python, or use the system's: make PYTHON=/usr/bin/python3 ..."
    fi
    missing+=("$1")
}

install_packages() {
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if ! have apt-get; then
        stop 2 "this machine has no apt-get; install with its own package manager, under their names there:" \
            "  ${missing[*]}"
    fi
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo || ! sudo -n true 2>/dev/null; then ask_for_packages; fi
        root=(sudo -n)
    fi
    say "Installing Debian packages: ${missing[*]}"
    apt_get "${root[@]}" -- update || say "  the package lists could not all be renewed; trying with what is there"
    # --no-remove: Debian's influxdb, for one, would push out an InfluxDB 2 that the user runs.
    if ! apt_get "${root[@]}" -- install -y --no-install-recommends --no-remove "${missing[@]}"; then explain_apt; fi
}

ask_for_packages() {
    local install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    local command="su -c '$install'"
    if have sudo; then command="sudo sh -c '$install'"; fi
    stop 2 "these Debian packages are missing: ${missing[*]}" "Install them with:" "" "    $command" ""
}

# Waits while another apt is at work, as on the first minutes of a Raspberry Pi.
apt_get() { # [sudo...] -- arguments...
    local root=()
    while [ "$1" != -- ]; do
        root+=("$1")
        shift
    done
    shift
    apt_log=$(mktemp)
    local waited_s=0
    until "${root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=5 "$@" 2>&1 \
        </dev/null 9<&- | tee "$apt_log" | apt_progress; do
        if ! grep -qE 'Could not get lock|Unable to lock|Unable to acquire' "$apt_log"; then return 1; fi
        if [ $waited_s -ge 900 ]; then return 1; fi
        if [ $waited_s -eq 0 ]; then say "  waiting for another installation on this machine to finish (apt is locked)"; fi
        sleep 5
        waited_s=$((waited_s + 5))
    done
    rm -f "$apt_log"
}

apt_progress() {
    awk -v wanted=" ${missing[*]} " '
        /^Need to get/ { print "  downloading " $4 " " $5; fflush() }
        /^Setting up / { name = $3; sub(/:.*/, "", name); if (index(wanted, " " name " ")) { print "  " name; fflush() } }'
}

explain_apt() {
    if grep -qE 'enough free space|No space left' "$apt_log"; then
        stop 1 "the disk is full: there is no room for ${missing[*]}. Make room and run make again."
    elif grep -qE 'Temporary failure|Could not resolve|Could not connect|Unable to connect|Failed to fetch|Unable to locate' "$apt_log"; then
        stop 1 "apt could not get ${missing[*]}: is the network up, and does 'apt-get update' run without errors?"
    elif grep -q 'remove is disabled' "$apt_log"; then
        stop 2 "installing ${missing[*]} would remove a package of yours, so nothing was changed. apt-get said:" \
            "$(grep -A3 'will be REMOVED' "$apt_log" || true)"
    elif grep -qE 'Could not get lock|Unable to lock|Unable to acquire' "$apt_log"; then
        stop 1 "another installation has held apt for 15 minutes; run make again when it is done."
    elif grep -q 'dpkg was interrupted' "$apt_log"; then
        stop 2 "an earlier installation was cut off. Finish it with:" "" "    sudo dpkg --configure -a" ""
    fi
    stop 1 "apt-get could not install ${missing[*]}; it said:" "$(tail -n 5 "$apt_log")"
}
