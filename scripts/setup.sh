#!/usr/bin/env bash
# Brings this machine to the state that a make target needs; a fraction of a second when nothing is missing.
#
#   scripts/setup.sh run        the servers and .venv as the appliance needs them
#   scripts/setup.sh check      .venv with the tools for checks, no servers
#   scripts/setup.sh test       the same with the servers and the browser that the tests use
#   scripts/setup.sh faults     what the full set of faults uses
#   scripts/setup.sh appliance  what the tests on fresh machines use
#   scripts/setup.sh powercut   what the tests that cut the power use
#   scripts/setup.sh deb        what making a package uses, no .venv
#
# Exit code 2: something must be installed or changed by the user, and the message says what.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME

say() { printf '%s\n' "$*"; }
stop() { # exit-code sentence...
    local code=$1
    shift
    printf 'setup: %s\n' "$@" >&2
    exit "$code"
}

. scripts/setup/packages.sh
. scripts/setup/python.sh
. scripts/setup/venv.sh

mode=${1:-run}
case $mode in
run | deb) lock=requirements.lock ;;
check | test | faults | appliance | powercut) lock=requirements-dev.lock ;;
*) stop 2 "unknown mode '$mode'; use run, check, test, faults, appliance, powercut or deb." ;;
esac

# One set-up at a time in a checkout. The lock is on this script itself, so no file is left behind.
exec 9<scripts/setup.sh
if ! flock -n 9; then
    say "Another set-up is at work in this folder; waiting for it."
    flock 9
fi

refuse_odd_folder
choose_python
missing=()
case $mode in run | test | faults) need_servers ;; esac
if [ "$mode" = test ]; then need_test_programs; fi
if [ "$mode" = faults ]; then need_fault_programs; fi
if [ "$mode" = appliance ]; then need_appliance_programs; fi
if [ "$mode" = powercut ]; then need_powercut_programs; fi
if [ "$mode" = deb ] || ! venv_is_ready; then need_build_tools; fi
install_packages
if [ "$mode" = deb ]; then exit 0; fi
if [ -z "$python" ]; then choose_python; fi
if ! venv_is_ready; then make_venv; fi
