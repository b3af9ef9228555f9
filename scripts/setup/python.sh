# shellcheck shell=bash
# Which Python is used. Sourced by scripts/setup.sh.

# Sets python (empty where none is installed yet) and python_version. The system's own comes first: Debian's
# python3-dev belongs to it.
choose_python() {
    python=
    local candidate found=
    for candidate in "${PYTHON:-/usr/bin/python3}" "${PYTHON:-python3}"; do
        candidate=$(command -v "$candidate") || continue
        python_version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || continue
        found="$candidate is Python $python_version"
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            python=$candidate
            break
        fi
    done
    if [ -n "$python" ]; then
        refuse_32_bit
    elif [ -n "$found" ]; then
        stop 2 "Python 3.11 or newer is needed, and $found." \
            "Debian 12 and newer have it; or name another one: make PYTHON=/path/to/python3 ..."
    elif [ -n "${PYTHON:-}" ]; then
        stop 2 "there is no Python at $PYTHON."
    fi
}

refuse_32_bit() {
    if ! "$python" -c 'import sys; sys.exit(sys.maxsize < 2**32)'; then
        stop 2 "this is a 32-bit system, and onnxruntime and pyarrow exist for 64 bits only." \
            "On a Raspberry Pi, install the 64-bit Raspberry Pi OS."
    fi
}

has_headers() {
    "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}
