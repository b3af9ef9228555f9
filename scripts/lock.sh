#!/usr/bin/env bash
# Renews the lock files: one version of each package for Python 3.11 to 3.13 on x86-64 and ARM 64, with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 -m venv .venv-lock
.venv-lock/bin/python -m pip install --quiet uv

# No name of an index may get into the lock files: each user's pip knows its own.
compile() { # output arguments...
    local output=$1
    shift
    .venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        --output-file "$output" "$@" >/dev/null
}

echo 'setuptools>=77' | compile requirements-build.lock -
compile requirements.lock pyproject.toml
compile requirements-dev.lock pyproject.toml --extra dev --constraint requirements.lock

if grep -nE '://|^-|/simple' requirements*.lock; then
    echo "lock: these lines name an index or an option; a lock file must not" >&2
    exit 1
fi
