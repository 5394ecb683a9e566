#!/bin/sh
# Make the archive of the Lambda layer that the function `decide` needs: NumPy, at the version that is locked, for the
# functions' Python and processor. Prints the command that publishes it.
set -eu
. tools/pip_settings.sh

python=3.14
platform=aarch64-manylinux_2_28
archive=output/numpy-layer.zip
version=$(sed -n 's/^\(numpy==[0-9.]*\).*/\1/p' requirements/run.txt | head -n 1)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python -m uv pip install --quiet --target "$folder/python" --python-platform "$platform" \
    --python-version "$python" --only-binary :all: --no-deps "$version"
# Tests and headers are half of it.
find "$folder/python" -type d \( -name tests -o -name include -o -name bin -o -name __pycache__ \) -prune -exec rm -rf {} +
mkdir -p output
.venv/bin/python - "$folder" "$archive" <<'PROGRAM'
import sys
import zipfile
from pathlib import Path

folder, archive = map(Path, sys.argv[1:])
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as layer:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())  # 1980: equal files, equal bytes
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        layer.writestr(entry, path.read_bytes())
PROGRAM
echo "$archive holds $version for Python $python on arm64. Publish it and put the ARN into stacks/config.py, decide:"
echo "aws lambda publish-layer-version --layer-name rl-numpy --zip-file fileb://$archive \\"
echo "    --compatible-runtimes python$python --compatible-architectures arm64 --query LayerVersionArn --output text"
