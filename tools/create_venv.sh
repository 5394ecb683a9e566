#!/bin/sh
# Make .venv with the interpreter $1 unless it is there, and install the installer (uv) into it.
set -eu

interpreter=$1
venv_python=.venv/bin/python

die() {
    echo "$1" >&2
    exit 2
}

if ! "$venv_python" -m pip --version >/dev/null 2>&1; then
    command -v "$interpreter" >/dev/null ||
        die "Python 3.11 or newer is needed, '$interpreter' is not found: install it, or name another: make PYTHON=python3.12"
    "$interpreter" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, '$interpreter' is $("$interpreter" --version 2>&1): install it, or name another: make PYTHON=python3.12"
    "$interpreter" -c 'import ensurepip, venv' 2>/dev/null ||
        die "'$interpreter' cannot make virtual environments: install its module venv (Debian, Ubuntu: apt install python3-venv)"
    echo "Creating .venv"
    "$interpreter" -m venv .venv
fi
"$venv_python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
