# shellcheck shell=bash disable=SC2154
# The virtual environment .venv, from the hash-locked requirements. Sourced by scripts/setup.sh.

# A venv cannot live in a folder with a colon, nor its programs start from one with quotes.
refuse_odd_folder() {
    case $PWD in
    *[:\"\'\\\$\`]* | *$'\n'*) stop 2 "a Python environment cannot work in the folder $PWD: move it to one without : ' \" \\ \$ or \`." ;;
    esac
}

stamp_of() { # lock file
    {
        echo "$python_version $PWD"
        cat requirements-build.lock "$1" pyproject.toml
    } | sha256sum
}

venv_is_ready() {
    [ -n "$python" ] && venv_is_sound &&
        [ "$(cat ".venv/$lock.stamp" 2>/dev/null)" = "$(stamp_of "$lock")" ]
}

# Whole, of this Python, made in this folder (a moved venv's programs point to the old place), and it starts.
venv_is_sound() {
    [ -e .venv/pyvenv.cfg ] && [ ! -e .venv/incomplete ] && [ -d ".venv/lib/python$python_version/site-packages" ] &&
        grep -qE '^command = .*' .venv/pyvenv.cfg && grep -qF -- "venv $PWD/.venv" .venv/pyvenv.cfg &&
        .venv/bin/python -c pass 2>/dev/null
}

make_venv() {
    need_room
    if ! venv_is_sound; then
        say "Making .venv with Python $python_version"
        rm -rf .venv
        mkdir .venv
        : >.venv/incomplete # goes last: until then an interruption means a new start
        "$python" -m venv .venv >/dev/null || stop 1 "$python could not make a virtual environment in $PWD/.venv."
    fi
    : >.venv/incomplete
    # setuptools comes first and locked, so that building from source downloads nothing that is not.
    pip_install --only-binary :all: -r requirements-build.lock
    say "Installing $(packages_in "$lock") Python packages into .venv; the first time they are downloaded (about 100 MB)"
    pip_install --no-build-isolation --use-pep517 -r "$lock"
    pip_install_project
    if [ "$lock" = requirements-dev.lock ]; then stamp_of requirements.lock >.venv/requirements.lock.stamp; fi
    stamp_of "$lock" >".venv/$lock.stamp"
    rm .venv/incomplete
    say "Set up."
}

packages_in() { grep -c '^[a-z].*==' "$1"; }

need_room() {
    local need_mb=600 free_mb
    if [ "$lock" = requirements-dev.lock ]; then need_mb=900; fi
    if venv_is_sound; then need_mb=200; fi
    free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    if [ "$free_mb" -lt "$need_mb" ]; then
        stop 2 "the disk of $PWD has $free_mb MB free, and .venv needs $need_mb MB. Make room and run make again."
    fi
}

pip_install() { pip install --require-hashes --progress-bar off "$@"; }
pip_install_project() { pip install --no-deps --no-build-isolation --editable .; }

pip() {
    local log
    log=$(mktemp)
    if ! PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
        .venv/bin/python -m pip "$@" 2>&1 </dev/null 9<&- | tee "$log" | pip_progress; then
        explain_pip "$log"
    fi
    rm -f "$log"
}

pip_progress() {
    awk '
        /^Collecting / { name = $2; sub(/==.*/, "", name); print "  " name; fflush() }
        /^Building wheel for systemd-python/ && !built++ { print "  compiling systemd-python"; fflush() }
        /^Installing collected packages: .*,/ { print "  unpacking them"; fflush() }'
}

explain_pip() { # log
    if grep -q 'No space left' "$1"; then
        stop 1 "the disk is full. Make room (in ${TMPDIR:-/tmp} too) and run make again."
    elif grep -q 'DO NOT MATCH THE HASHES' "$1"; then
        stop 1 "a downloaded package is not the one that the lock file names, so nothing of it was used:" \
            "$(grep -A2 'from http\|Expected' "$1" | head -n 4 || true)"
    elif grep -q 'CERTIFICATE_VERIFY_FAILED' "$1"; then
        stop 1 "the package index's certificate is not trusted: is this machine's clock right ($(date)), and ca-certificates installed?"
    elif grep -qE 'Temporary failure|Name or service|NewConnectionError|unreachable|timed out|Max retries|from versions: none|Connection (reset|refused)' "$1"; then
        stop 1 "the Python packages could not be downloaded: is the network up? Run make again when it is; it starts anew."
    fi
    stop 1 "pip failed; it said:" "$(tail -n 8 "$1")"
}
