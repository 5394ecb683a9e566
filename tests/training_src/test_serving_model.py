"""What the endpoint serves: a model that is verified, or the reason why it cannot be."""

import json

import pytest

from autoscaling_rl.manifest import MANIFEST
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from tests.training_src.endpoints import (
    autoscaling_artifact,
    autoscaling_policy,
    call,
    cartpole_artifact,
    post,
    relist,
    state,
)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("serving") / "model")


def unavailable(folder):
    """Return the reason that an application with a wrong model gives."""
    model = Model(folder)
    model.load()
    application = Application(model)
    status, _, answer = call(application, "GET", "/ping")
    assert status == 503
    assert post(application, b"{}")[0] == 503
    assert answer["error"]["code"] == "ModelUnavailable"
    assert "\n" not in answer["error"]["message"]
    return answer["error"]["message"]


def test_a_missing_model_is_named(tmp_path):
    assert "manifest.json is missing" in unavailable(tmp_path / "none")


def test_golden_actions_must_reproduce(artifact, tmp_path):
    folder = autoscaling_artifact(tmp_path / "model", autoscaling_policy(seed=1))
    (folder / "golden.npz").write_bytes((artifact / "golden.npz").read_bytes())
    relist(folder)
    assert "does not reproduce its golden actions" in unavailable(folder)


def test_another_version_of_the_environment_is_refused(tmp_path):
    folder = autoscaling_artifact(tmp_path / "model")
    environment = json.loads((folder / MANIFEST).read_text())["environment"]
    relist(folder, environment={**environment, "version": "observation 0"})
    assert "has version 'observation 0', its code computes observation 1" in unavailable(folder)


def test_code_that_cannot_answer_is_refused(tmp_path):
    folder = autoscaling_artifact(tmp_path / "model")
    with (folder / "code/controller/inference.py").open("a") as code:
        code.write("\nInference.load = None\n")
    relist(folder)
    assert "the artifact's code cannot serve it" in unavailable(folder)


def test_a_fault_in_the_artifact_is_a_reason_too(tmp_path, caplog):
    folder = autoscaling_artifact(tmp_path / "model")
    with (folder / "code/controller/policy.py").open("a") as code:
        code.write("\nPolicy.load = lambda *_: 5\n")
    relist(folder)
    assert "cannot be verified: AttributeError" in unavailable(folder)
    assert "Traceback" in caplog.text


def test_until_it_is_verified_a_model_is_not_served(artifact):
    application = Application(Model(artifact))
    status, _, answer = call(application, "GET", "/ping")
    assert (status, answer["error"]["message"]) == (503, "the model is being verified")


def test_states_need_a_model_for_states(tmp_path):
    model = Model(cartpole_artifact(tmp_path / "model"))
    model.load()
    status, _, answer = post(Application(model), json.dumps({"states": [state()]}).encode())
    assert (status, answer["error"]["field"]) == (400, "states")
    assert "decides on observations alone" in answer["error"]["message"]
    status, _, answer = post(Application(model), b'{"observations": [[0, 0.5, -1, 2]]}')
    assert (status, len(answer["actions"])) == (200, 1)
