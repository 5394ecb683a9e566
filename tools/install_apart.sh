#!/bin/sh
# Install the lock requirements/NAME.txt into an environment of its own, .venv/NAME, unless it is there:
# tools/install_apart.sh NAME
set -eu

if [ $# -ne 1 ] || [ ! -f "requirements/$1.txt" ]; then
    echo "error: write \`tools/install_apart.sh NAME\` in the checkout's folder, NAME of a lock requirements/NAME.txt" >&2
    exit 2
fi
. tools/pip_settings.sh

lock=requirements/$1.txt
folder=.venv/$1
# The copy of the lock is the stamp: a half installation has none.
if cmp -s "$lock" "$folder/lock"; then
    exit
fi
echo "Installing $lock"
.venv/bin/python -m uv venv --quiet --clear --python .venv/bin/python "$folder"
.venv/bin/python -m uv pip install --quiet --python "$folder/bin/python" --no-deps --require-hashes --requirement "$lock"
cp "$lock" "$folder/lock"
