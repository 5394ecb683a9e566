"""The archive of the Lambda layer: for the function's Python, and the same bytes each time."""

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT / "output" / "numpy-layer.zip"
MOST_BYTES = 250_000_000  # of a function and its layers, unpacked
AARCH64 = 183  # e_machine of an ELF file

pytestmark = pytest.mark.slow


def build() -> str:
    done = subprocess.run(
        ["tools/build_layer.sh"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_layer_is_numpy_for_the_functions_python_and_the_same_each_time() -> None:
    printed = build()
    first = ARCHIVE.read_bytes()
    assert build() == printed
    assert ARCHIVE.read_bytes() == first
    [version] = re.findall(r"holds numpy==(\S+) for Python 3\.14 on arm64", printed)
    with zipfile.ZipFile(ARCHIVE) as layer:
        names = layer.namelist()
        assert f"python/numpy-{version}.dist-info/METADATA" in names
        assert sum(it.file_size for it in layer.infolist()) < MOST_BYTES
        compiled = [name for name in names if re.search(r"\.so(\.|$)", name)]
        assert any("numpy/_core/_multiarray_umath.cpython-314-" in name for name in compiled)
        for name in compiled:
            assert int.from_bytes(layer.read(name)[18:20], "little") == AARCH64, name
