#!/bin/sh
# Install the checkers of the templates into .venv/checkers unless they are there: tools/install_checkers.sh
set -eu

tools/install_apart.sh checkers
folder=.venv/checkers
if [ -d "$folder/guard" ]; then
    exit
fi
# cfn-guard and its Control Tower rules come inside a package, as an npm archive: nothing else of that is used.
archive=$(find "$folder/lib" -path '*/cdk_validator_cfnguard/_jsii/*.tgz')
draft=$(mktemp -d "$folder/draft.XXXXXX")
tar -xzf "$archive" -C "$draft"
mv "$draft" "$folder/guard"
