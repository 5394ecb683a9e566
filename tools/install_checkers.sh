#!/bin/sh
# Install the checkers of the templates into .venv/checkers unless they are there: tools/install_checkers.sh
set -eu
. tools/pip_settings.sh

lock=requirements/checkers.txt
folder=.venv/checkers
# The copy of the lock is the stamp: a half installation has none.
if cmp -s "$lock" "$folder/lock"; then
    exit
fi
echo "Installing $lock"
.venv/bin/python -m uv venv --quiet --clear --python .venv/bin/python "$folder"
.venv/bin/python -m uv pip install --quiet --python "$folder/bin/python" --no-deps --require-hashes --requirement "$lock"

# cfn-guard and its Control Tower rules come inside a package, as an npm archive: nothing else of that is used.
archive=$(find "$folder/lib" -path '*/cdk_validator_cfnguard/_jsii/*.tgz')
mkdir "$folder/guard"
tar -xzf "$archive" -C "$folder/guard"
cp "$lock" "$folder/lock"
