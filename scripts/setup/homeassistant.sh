#!/usr/bin/env bash
# Makes .venv-homeassistant, in which Home Assistant's MQTT schemas can be imported; nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
lock=tests/homeassistant/requirements.lock
venv=.venv-homeassistant
stamp=$(sha256sum <"$lock")
if [ "$(cat $venv/stamp 2>/dev/null)" = "$stamp" ]; then exit 0; fi

echo "Making $venv: Home Assistant's package, 25 MB to download and 350 MB on the disk"
rm -rf $venv
.venv/bin/python -m venv $venv
# Without their dependencies: Home Assistant asks for far more than its schemas import.
if ! PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
    $venv/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r $lock; then
    echo "setup: Home Assistant's package could not be installed; it needs the network, and Python 3.11 or 3.12." >&2
    exit 1
fi
echo "$stamp" >$venv/stamp
