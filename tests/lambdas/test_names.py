"""Names: the same for the same execution, and always within what SageMaker allows."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lambdas.names import LONGEST, execution_id, resource_name, tags

SAGEMAKER_NAME = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
STEPS = ("training", "evaluation")


def test_a_name_tells_step_preset_and_execution() -> None:
    name = resource_name("training", "cem-autoscaling", "0123456789ab")
    assert name == "rl-training-cem-autoscaling-0123456789ab"


@given(st.sampled_from(STEPS), st.text(max_size=100), st.text(max_size=80))
def test_every_name_is_valid_with_its_retry_number(step: str, preset: str, execution: str) -> None:
    identity = execution_id(execution, project="rl", stage="dev")
    name = f"{resource_name(step, preset, identity)}-99"
    assert len(name) <= LONGEST
    assert SAGEMAKER_NAME.fullmatch(name)
    assert identity in name


def test_the_same_execution_has_the_same_digits_and_another_stage_has_others() -> None:
    first = execution_id("run", project="rl", stage="dev")
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert first == execution_id("run", project="rl", stage="dev")
    assert first != execution_id("run", project="rl", stage="prod")
    assert first != execution_id("run", project="other", stage="dev")


def test_tags_are_those_of_the_contract() -> None:
    assert tags(project="rl", stage="dev", identity="0123456789ab") == [
        {"Key": "sagemaker:project-name", "Value": "rl"},
        {"Key": "stage", "Value": "dev"},
        {"Key": "execution", "Value": "0123456789ab"},
    ]
