#!/usr/bin/env bash
# Installs nilm-edge on this machine, to be run by systemd: makes the package, installs it with the servers that it
# needs, starts it, and says what comes next. Doing it again changes nothing, or brings what is new in this clone.
#
#   sudo ./scripts/install.sh
#   sudo ./scripts/install.sh --influx-url http://nas.local:8086     an InfluxDB that is there already
#   sudo ./scripts/install.sh --mqtt-host broker.local               a broker that is there already
#   sudo ./scripts/install.sh --redis-url redis://127.0.0.1:6379/5   a Redis that is there already
#   sudo ./scripts/install.sh --no-servers                           install no server; the configuration says where they are
#   sudo ./scripts/install.sh --uninstall                            the data stays
#   sudo ./scripts/install.sh --purge                                nothing stays but the servers
#
# Exit code 2: wrong usage, or something must be changed by the user, and the message says what.
set -euo pipefail
cd "$(dirname "$0")/.."

config=/etc/nilm-edge/config.toml
say() { printf '%s\n' "$*"; }
stop() { # exit-code sentence...
    local code=$1
    shift
    printf 'install: %s\n' "$@" >&2
    exit "$code"
}
usage() { sed -n '2,/^set /s/^# \{0,1\}//p' scripts/install.sh; }

influx_url='' redis_url='' mqtt_host='' without=() remove=''
value() { [ $# -ge 2 ] && [[ $2 =~ ^[][A-Za-z0-9.:/@_%-]+$ ]] || stop 2 "$1 needs a value such as those in --help."; }
while [ $# -gt 0 ]; do
    case $1 in
    --influx-url) value "$@" && influx_url=$2 without+=(influxdb) && shift ;;
    --redis-url) value "$@" && redis_url=$2 without+=(redis-server) && shift ;;
    --mqtt-host) value "$@" && mqtt_host=$2 without+=(mosquitto) && shift ;;
    --no-servers) without=(influxdb redis-server mosquitto) ;;
    --uninstall) remove=remove ;;
    --purge) remove=purge ;;
    -h | --help) usage && exit 0 ;;
    *) stop 2 "unknown option $1; see ./scripts/install.sh --help." ;;
    esac
    shift
done
[ "$(id -u)" -eq 0 ] || stop 2 "this changes the system: sudo ./scripts/install.sh"
command -v apt-get >/dev/null || stop 2 "this machine has no apt-get; on other systems, make run needs none."

apt_get() { DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=900 "$@"; }
installed() { [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

if [ -n "$remove" ]; then
    apt_get "$remove" -y nilm-edge
    say "mosquitto, redis-server and influxdb stay; if nothing else needs them: sudo apt-get autoremove"
    exit 0
fi

# What the package is made of, as deb.sh writes it down in it.
if installed nilm-edge && [ "$(scripts/deb.sh --source)" = "$(cat /usr/share/nilm-edge/source 2>/dev/null)" ]; then
    say "nilm-edge is installed as it is in this clone."
    if [ -d /run/systemd/system ]; then exec nilm-edge ready --within 30; fi
    exit 0
fi

if [ -n "$influx_url$redis_url$mqtt_host" ]; then
    [ ! -e "$config" ] || stop 2 "$config is there already and stays as it is: put the addresses into it, without options here."
    mkdir -p /etc/nilm-edge
    put() { # section key value
        awk -v section="[$1]" -v key="$2" -v value="$3" '
            /^\[/ { here = ($0 == section) }
            here && index($0, "#" key " = ") == 1 { print key " = " value; next }
            { print }' "$config" >"$config.new"
        mv "$config.new" "$config"
    }
    sed 's/^\([a-z0-9_]* = \)/#\1/' docs/config.toml >"$config"
    chmod 600 "$config"
    [ -z "$influx_url" ] || put influx url "\"$influx_url\""
    [ -z "$redis_url" ] || put redis url "\"$redis_url\""
    if [ -n "$mqtt_host" ]; then
        put mqtt host "\"${mqtt_host%:*}\""
        case $mqtt_host in *:*) put mqtt port "${mqtt_host##*:}" ;; esac
    fi
fi

env -u PYTHON scripts/setup.sh deb
owner=$(stat -c %U .)
runuser -u "$owner" -- scripts/deb.sh # so that nothing of root's is left in the clone
package=$(ls -t dist/nilm-edge_*_"$(dpkg --print-architecture)".deb | head -n 1)

unwanted=()
for server in "${without[@]}"; do installed "$server" || unwanted+=("$server-"); done
apt_get update || say "the package lists could not all be renewed; trying with what is there"
# --no-remove: Debian's influxdb, for one, would push out an InfluxDB 2 that the user runs.
apt_get install -y --no-remove --reinstall --allow-downgrades "./$package" "${unwanted[@]}"
