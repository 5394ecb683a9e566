"""The bundle is the same file wherever it is packed: rooms do not share the code that packs."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from local_mode import packing
from stacks.parts.training_bundle import SOURCE, tar_gz
from tests.stacks.synthesis import Synthesis


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


@pytest.mark.parametrize("role", ["Training", "Serving"])
def test_containers_may_read_the_bundles_of_earlier_deployments(dev: Synthesis, role: str) -> None:
    [workflow] = [it for name, it in dev.templates.items() if name.endswith("-Workflow")]
    resources = workflow["Resources"].items()
    suffixes = set(re.findall(r"/[0-9a-f]{64}([.a-z]+)", json.dumps(dict(resources))))
    [suffix] = suffixes - {".zip"}  # of the edge component, which no container reads
    other = "0" * 64 + suffix
    [policy] = [it for name, it in resources if name.startswith(f"Containers{role}")]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    [read] = [it for it in statements if it["Action"] == "s3:GetObject"]
    assert fnmatch(f"/{other}", read["Resource"]["Fn::Join"][1][-1])
    [listed] = [it for it in statements if it["Action"] == "s3:ListBucket"]
    assert fnmatch(other, listed["Condition"]["StringLike"]["s3:prefix"])
