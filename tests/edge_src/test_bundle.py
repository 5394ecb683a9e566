"""The component's archive: small, alone, with the versions that are tested here."""

import ast
import re
import sys
import zipfile
from pathlib import Path

from tests.edge_src.support import BUNDLE

ROOT = BUNDLE.parent
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(path):
    return dict(PIN.findall((ROOT / path).read_text()))


def test_the_archive_is_small(tmp_path):
    path = tmp_path / "edge_src.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for each in BUNDLE.rglob("*"):
            if "__pycache__" not in each.parts:
                file.write(each, each.relative_to(ROOT))
    assert path.stat().st_size < 2e6 / 10


def test_the_device_gets_the_versions_that_are_tested_here():
    device, lock = pins("edge_src/requirements.txt"), pins("requirements/edge.txt")
    assert set(device) == {"awsiotsdk", "numpy"}
    assert device == {name: lock[name] for name in device}
    tested = pins("requirements/run.txt") | pins("requirements/dev.txt")
    assert lock == {name: tested[name] for name in lock}


def modules(path):
    """Yield the top-level modules that a file imports, but for its own package's."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_it_imports_what_is_on_a_device_alone():
    files = sorted(BUNDLE.rglob("*.py"))
    assert len(files) > 15
    allowed = {*sys.stdlib_module_names, "numpy", "awsiot", "onnxruntime", "edge_policy"}
    for each in files:
        assert set(modules(each)) <= allowed, each


def test_the_sdk_is_imported_where_it_is_used_alone():
    using = [each.name for each in BUNDLE.rglob("*.py") if "awsiot" in set(modules(each))]
    assert using == ["ipc.py"]
    tree = ast.parse(Path(BUNDLE / "edge_policy" / "ipc.py").read_text())
    assert not any("awsiot" in ast.unparse(node) for node in tree.body if not isinstance(
        node, ast.ClassDef
    ))  # fmt: skip
