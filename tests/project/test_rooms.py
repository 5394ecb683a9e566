"""What runs far from here imports only what it finds there; import-linter has the other rules."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

IMAGE = re.findall(
    r"^[a-z0-9-]+", (ROOT / "training_src/requirements.txt").read_text(), re.MULTILINE
)

# Lambda has boto3 beside Python; the controller travels in the model artifact and counts on NumPy.
ALLOWED = {
    "lambdas": {"boto3", "botocore", "lambdas"},
    "image": {"boto3", "botocore", "image"},
    "edge_src": {"awsiot", "edge_policy", "numpy", "onnxruntime"},
    "training_src/autoscaling_rl/controller": {"numpy"},
    # onnxruntime checks an exported policy where it happens to be installed; presets of FMU-v0 have
    # fmpy in their requirements.
    "training_src": {name.replace("-", "_") for name in IMAGE}
    | {"autoscaling_rl", "fmpy", "onnxruntime"},
}


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from at_run_time(node)


def imported(source: str, depth: int = 0) -> Iterator[str]:
    """Yield the top-level modules that a file imports, `..` for an import from outside its room.

    `depth` is how many folders below its room the file lies.
    """
    for node in at_run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level > depth + 1:
            yield ".."


@pytest.mark.parametrize(("room", "allowed"), ALLOWED.items())
def test_a_room_imports_only_what_is_there_at_run_time(room: str, allowed: set[str]) -> None:
    known = allowed | sys.stdlib_module_names
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        depth = len(file.relative_to(ROOT / room).parts) - 1
        foreign = set(imported(file.read_text(), depth)) - known
        assert not foreign, f"{file.relative_to(ROOT)} imports {sorted(foreign)}"


def test_the_scan_sees_every_way_to_import() -> None:
    source = (
        "import os, torch.nn\nfrom moto.core import x\nfrom . import y\nfrom .. import z\n"
        "def late():\n    import numba\nif TYPE_CHECKING:\n    import _typeshed\n"
    )
    assert set(imported(source)) == {"os", "torch", "moto", "..", "numba"}
    assert ".." not in imported(source, depth=1)
