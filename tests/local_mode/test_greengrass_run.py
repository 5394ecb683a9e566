"""A whole execution with `"edge": {"run": true}` on this machine: to the endpoint, and to a device.

The device and its nucleus are emulators; the component, the SDK client and the models are real.
"""

import json
from pathlib import Path

import pytest

from local_mode import bundle, decision, execution, results
from local_mode.edge import ask_device, local_device
from local_mode.local_aws import LocalAws
from local_mode.provision import provision

pytestmark = pytest.mark.slow


def test_an_execution_ends_on_a_device_that_answers(tmp_path: Path) -> None:
    with LocalAws() as aws:
        names = provision(aws.client, default_preset=bundle.DEFAULT_PRESET)
        with local_device(aws.client, names, tmp_path / "device") as device:
            document = {
                "preset": "smoke",
                "gate": {"baseline": "step_scaling"},  # which even the smallest preset beats
                "edge": {"run": True},
            }
            finished = execution.follow(aws.client, names, document)
            assert finished.status == "Deployed", finished.error
            assert finished.output["component_version"] == "1.0.0"
            assert f"1 of 1 devices in {names.thing_group} run" in finished.output["reason"]
            results.fetch(aws.client, finished, tmp_path)
            asked = decision.ask(aws.client, finished, tmp_path)
            line = ask_device(device, names.component, asked, tmp_path)
            assert "decided by model" in line
            answer = json.loads((tmp_path / "device.json").read_text())["answer"]
            assert answer["model_version"] == asked["answer"]["model_version"]

            # The same artifact, judged again: no new version, and the device goes on.
            pid = device.pid(names.component)
            again = {
                **document,
                "training": {"run": False},
                "evaluation": {"checkpoint_s3_uri": _model(finished.output, aws)},
                "endpoint": {"run": False},
            }
            repeated = execution.follow(aws.client, names, again)
            assert repeated.output["component_version"] == "1.0.0", repeated.error
            assert repeated.output["endpoint_name"] is None
            assert device.pid(names.component) == pid


def _model(output: dict[str, str], aws: LocalAws) -> str:
    package = aws.client("sagemaker").describe_model_package(
        ModelPackageName=output["model_package_arn"]
    )
    [container] = package["InferenceSpecification"]["Containers"]
    uri: str = container["ModelDataUrl"]
    return uri
