"""Artifacts to verify, pack and spoil."""

import json

import pytest

from autoscaling_rl import archive
from autoscaling_rl.artifact import (
    write_artifact,
)
from autoscaling_rl.errors import UserError
from tests.training_src.jobs import observations, small_policy


def write(folder, policy=None, **changes):
    parts = {
        "policy": policy or small_policy(),
        "environment": {"id": "CartPole-v1"},
        "preset": {"toolkit": "sb3"},
        "seed": 3,
        "golden_observations": observations(),
        "figures": {"training": {"steps": 100}},
    }
    return write_artifact(folder, **{**parts, **changes})


def refused(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def relist(folder):
    """Write checksums of the files as they are now, as someone would who changed them."""
    import hashlib

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in archive.file_names(folder)
        if name != "manifest.json"
    }
    path.write_text(json.dumps(manifest))
