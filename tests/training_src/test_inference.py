"""Requests to the code in an artifact: either form is answered, or refused with the field."""

import json
import math
import subprocess
import sys

import pytest

from autoscaling_rl.controller import features
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.inference import LONGEST_FIELD, Inference, model_version
from tests.training_src.banks import fixed_policy
from tests.training_src.endpoints import (
    HEAVY,
    autoscaling_artifact,
    autoscaling_policy,
    cartpole_artifact,
    daily_load,
    state,
)
from tests.training_src.jobs import observations


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("artifact") / "model")


def test_requests_are_answered_in_either_form(artifact):
    inference = Inference.load(artifact)
    status, answer = inference.respond({"states": [state(), state(active=40)]})
    assert status == 200
    assert set(answer) == {"actions", "desired", "memory", "model_version"}
    assert [len(value) for key, value in answer.items() if key != "model_version"] == [2, 2, 2]
    status, answer = inference.respond({"observations": [[0.5] * obs.SIZE]})
    assert (status, set(answer)) == (200, {"actions", "model_version"})


def test_an_error_names_a_field_in_so_many_characters(artifact):
    inference, key = Inference.load(artifact), "x" * 100_000
    for body in ({key: 1}, {"states": [{**state(), key: 1}]}):
        status, answer = inference.respond(body)
        assert (status, len(answer["error"]["field"])) == (400, LONGEST_FIELD)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ([], "body"),
        ({}, "body"),
        ({"states": [state()], "observations": [[0.0] * obs.SIZE]}, "body"),
        ({"states": [state()], "other": 1}, "other"),
        ({"states": state()}, "states"),
        ({"states": []}, "states"),
        ({"states": [state()] * 1001}, "states"),
        ({"states": [state(), 5]}, "states[1]"),
        ({"observations": []}, "observations"),
        ({"observations": [[0.0] * obs.SIZE] * 10_001}, "observations"),
        ({"observations": [[0.0] * obs.SIZE, [0.0]]}, "observations[1]"),
        ({"observations": [[0.0] * (obs.SIZE - 1) + [True]]}, "observations[0]"),
        ({"observations": [[0.0] * obs.SIZE, ["0"] * obs.SIZE, [0] * obs.SIZE]}, "observations[1]"),
        ({"observations": [[0.0] * (obs.SIZE - 1) + [math.nan]]}, "observations[0]"),
        ({"observations": [[1e39] + [0.0] * (obs.SIZE - 1)]}, "observations[0]"),
        ({"observations": [[10**400] + [0.0] * (obs.SIZE - 1)]}, "observations"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field(artifact, body, field):
    status, answer = Inference.load(artifact).respond(body)
    assert status == 400
    assert answer["error"]["code"] == "InvalidRequest"
    assert answer["error"]["field"] == field


def test_states_need_a_policy_for_states(tmp_path):
    inference = Inference.load(cartpole_artifact(tmp_path / "model"))
    status, answer = inference.respond({"states": [state()]})
    assert (status, answer["error"]["field"]) == (400, "states")
    assert 'send {"observations": [...]}' in answer["error"]["message"]
    assert inference.respond({"observations": observations(3).tolist()})[0] == 200


def test_the_version_stands_for_what_decides(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    version = model_version(manifest)
    assert len(version) == 12
    assert version == model_version({**manifest, "figures": {"evaluation": {"J": 1}}, "seed": 7})
    for name in ("policy.npz", "code/controller/guard.py"):
        changed = {**manifest, "files": {**manifest["files"], name: "0" * 64}}
        assert model_version(changed) != version


def test_what_other_code_remembers_is_not_taken(artifact):
    policy = fixed_policy()
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest |= {"action": policy.specification(), "observation": {"version": features.VERSION}}
    other = {**manifest, "files": {**manifest["files"], "code/controller/bank.py": "0" * 64}}
    ours, theirs = (Inference(policy, each) for each in (manifest, other))
    first, second = ({"states": [state(daily_load(300))]} for _ in range(2))
    memories = [each.respond(first)[1]["memory"][0] for each in (ours, theirs)]
    assert memories[0] != memories[1]
    second["states"][0]["memory"] = memories[1]
    assert ours.respond(second)[1] == ours.respond(first)[1]


def test_another_observation_is_refused(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["environment"]["version"] = "observation 0"
    with pytest.raises(ValueError, match="version 'observation 0', its code computes"):
        Inference(autoscaling_policy(), manifest)


ALONE = f"""
import importlib.util, json, pathlib, sys
sys.modules.update(dict.fromkeys({("autoscaling_rl", "orjson", "uvicorn", *HEAVY)!r}))
folder = pathlib.Path(sys.argv[1])
code = folder / "code/controller"
spec = importlib.util.spec_from_file_location(
    "policy_code", code / "__init__.py", submodule_search_locations=[str(code)]
)
sys.modules["policy_code"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
inference = importlib.import_module("policy_code.inference").Inference.load(folder)
print(json.dumps(inference.respond(json.load(sys.stdin))))
"""


def test_the_code_in_the_artifact_needs_numpy_alone(artifact):
    """In a process that can import nothing else of ours, from the artifact's folder."""
    request = {"states": [state(daily_load(2000)), state(active=40, warmup_minutes=9)]}
    answer = subprocess.run(
        [sys.executable, "-B", "-c", ALONE, str(artifact)],
        input=json.dumps(request),
        cwd=artifact,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == list(Inference.load(artifact).respond(request))


@pytest.mark.parametrize(
    "timestamp", ["0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59", "1970-06-01T00:00Z"]
)
def test_times_that_no_fleet_has_are_refused_before_anything_is_explained(tmp_path, timestamp):
    told = []
    inference = Inference.load(autoscaling_artifact(tmp_path / "model"), None, told.append)
    status, answer = inference.respond({"states": [state(), state(timestamp=timestamp)]})
    assert (status, answer["error"]["field"]) == (400, "states[1].timestamp")
    assert told == []
