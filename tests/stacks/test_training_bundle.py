"""The bundle is the same file wherever it is packed: rooms do not share the code that packs."""

from pathlib import Path

from local_mode import packing
from stacks.parts.training_bundle import SOURCE, tar_gz


def test_a_deployment_packs_what_the_local_aws_packs() -> None:
    assert tar_gz(SOURCE) == packing.tar_gz(SOURCE)


def test_what_programs_leave_behind_is_not_packed_by_either(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "train.py").chmod(0o755)
    before = tar_gz(tmp_path)
    for name in ("__pycache__/train.pyc", ".ruff_cache/x", ".DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert tar_gz(tmp_path) == packing.tar_gz(tmp_path) == before
