#!/bin/sh
# Install a lock into .venv, every package checked against its hashes: tools/install.sh FILE
set -eu
. tools/pip_settings.sh

echo "Installing $1"
# A lock names every dependency, but for PyTorch, which has no hash: nothing is to be resolved again.
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes --requirement "$1"
