"""A stage that pins a model package: no execution deploys over it, nor must it say so."""

from typing import Any

import pytest

from lambdas.errors import InvalidInput
from lambdas.execution_input import parse
from lambdas.prepare import handler

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-dev-policies/3"
PRESETS = ("smoke",)


@pytest.mark.parametrize(
    "document", [{}, {"endpoint": {}}, {"endpoint": {"run": False}}, {"evaluation": {"run": True}}]
)
def test_the_endpoint_is_left_alone_unless_asked_for(document: dict[str, Any]) -> None:
    assert parse(document, presets=PRESETS, pinned=PACKAGE).endpoint.run is False
    assert parse({}, presets=PRESETS).endpoint.run is True


def test_a_deployment_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse({"endpoint": {"run": True}}, presets=PRESETS, pinned=PACKAGE)
    [line] = caught.value.problems
    assert line.startswith(f"endpoint.run: must be false, since this stage serves {PACKAGE}; ")
    assert "pin it as serving.model_package in stacks/config.py" in line


@pytest.mark.parametrize("document", [None, [], {"endpoint": None}, {"endpoint": [1]}])
def test_what_is_no_input_is_refused_as_ever(document: object) -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        parse(document, presets=PRESETS, pinned=PACKAGE)


@pytest.mark.usefixtures("account")
def test_the_first_state_plans_no_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINNED_MODEL_PACKAGE", PACKAGE)
    plan: Any = handler({"execution_name": "run-1", "input": {}}, None)["plan"]
    assert (plan["evaluate"], plan["deploy"]) == (True, False)
