"""The bundle is the same file wherever it is packed: rooms do not share the code that packs."""

import hashlib
from pathlib import Path

import pytest

from local_mode import packing
from stacks.parts.training_bundle import SOURCE, tar_gz
from tests.stacks.grants import allowed, roles, statements
from tests.stacks.intrinsics import Deployed
from tests.stacks.recorder import variables


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


def test_the_sum_that_names_the_kept_copy_is_that_of_the_bundle(deployed: Deployed) -> None:
    assert variables(deployed)["SOURCE_SHA256"] == hashlib.sha256(tar_gz(SOURCE)).hexdigest()


@pytest.mark.parametrize("name", ["training", "serving"])
def test_containers_read_what_executions_keep_and_nothing_of_the_cdks(
    deployed: Deployed, name: str
) -> None:
    [role] = [it for it in roles(deployed) if it.name == name]
    own = statements(deployed, role)
    bucket = variables(deployed)["ARTIFACT_BUCKET"]
    kept = f"arn:aws:s3:::{bucket}/source/{'0' * 64}/sourcedir.tar.gz"
    assert allowed(own, "s3:GetObject", kept)
    assert not allowed(own, "s3:PutObject", kept)
    assert not any("cdk-" in resource for it in own for resource in it.resources)


def test_prepare_reads_the_one_archive_of_the_cdks_that_it_copies(deployed: Deployed) -> None:
    [role] = [it for it in roles(deployed) if it.name == "prepare"]
    found = {it for each in statements(deployed, role) for it in each.resources if "cdk-" in it}
    assert found == {variables(deployed)["SOURCE_S3_URI"].replace("s3://", "arn:aws:s3:::")}


def test_a_kept_bundle_is_never_thrown_away(deployed: Deployed) -> None:
    # Endpoints and packages name it, however old they are.
    [bucket] = [it for _, id_, it in deployed.of_type("AWS::S3::Bucket") if "Artifacts" in id_]
    for rule in bucket["LifecycleConfiguration"]["Rules"]:
        if not "source/".startswith(rule.get("Prefix", "")):
            continue
        assert not any(key.startswith("Expiration") for key in rule), rule
