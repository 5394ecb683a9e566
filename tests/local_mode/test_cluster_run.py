"""A whole execution whose training has two instances, as local processes that train one policy."""

import json
import tarfile
from pathlib import Path

import pytest

from local_mode import execution, results
from local_mode.local_aws import LocalAws
from local_mode.provision import provision

pytest.importorskip("torch")
pytestmark = pytest.mark.slow


def test_two_instances_train_the_policy_that_is_deployed(tmp_path: Path) -> None:
    with LocalAws() as aws:
        names = provision(aws.client, default_preset="ppo-cartpole")
        document = {
            "training": {"instance_count": 2, "hyperparameters": {"steps": "200000"}},
            "evaluation": {"episodes": 4},
        }
        finished = execution.follow(aws.client, names, document)
        assert finished.status == "Deployed", finished.error
        results.fetch(aws.client, finished, tmp_path)
        with tarfile.open(tmp_path / "model.tar.gz") as archive:
            manifest = json.loads(archive.extractfile("manifest.json").read())
        figures = manifest["figures"]["training"]
        assert figures["instances"] == 2
        assert figures["test_return"] > 300
