"""The definition by itself: every state is reached, every fault is caught, nothing is left over."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import get_session

from lambdas import errors
from lambdas.execution_input import MAX_RUN_SECONDS
from lambdas.jobs import SETUP_SECONDS, SPOT_WAIT_SECONDS
from stacks.checked_config import check
from stacks.config import STAGES, Edge
from stacks.errors import ConfigError
from tests.stacks.interpreter import DEFINITION

TEXT = DEFINITION.read_text()
MACHINE = json.loads(TEXT)
STATES: dict[str, Any] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
JOBS = {name: task for name, task in TASKS.items() if "createTrainingJob" in task["Resource"]}
FUNCTIONS = {name: task for name, task in TASKS.items() if "lambda" in task["Resource"]}


def targets(state: dict[str, Any]) -> Iterator[str]:
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch["Next"]


def test_every_state_is_reached_and_every_target_exists() -> None:
    reached, open_ = set(), [MACHINE["StartAt"]]
    while open_:
        name = open_.pop()
        if name not in reached:
            reached.add(name)
            open_ += targets(STATES[name])
    assert reached == set(STATES)


def test_every_path_ends() -> None:
    ends = {
        name
        for name, state in STATES.items()
        if state.get("End") or state["Type"] in ("Fail", "Succeed")
    }
    assert ends == {"Deployed", "DeployedToDevices", "Registered", "Rejected", "Failed"}
    for name, state in STATES.items():
        assert name in ends or list(targets(state)), name


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_tried_again_and_caught(name: str) -> None:
    task = TASKS[name]
    assert task["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]
    assert "TimeoutSeconds" in task or "TimeoutSecondsPath" in task
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        # A component version is made within seconds; everything else may take its time.
        soon = retrier["ErrorEquals"] == ["ComponentNotReady"]
        assert retrier["MaxDelaySeconds"] == (30 if soon else 600)
        assert retrier["BackoffRate"] > 1
        # Catching all would try mistakes and failed jobs again.
        assert not {"States.ALL", "States.TaskFailed"} & set(retrier["ErrorEquals"])
    assert STATES["Failed"] == {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_tried_again_for_faults_that_pass_alone(name: str) -> None:
    own = {error for retrier in FUNCTIONS[name]["Retry"] for error in retrier["ErrorEquals"]}
    own = {error for error in own if not error.startswith("Lambda.")}
    later = {"Deploy": {"EndpointBusy", "ResourceLimit"}, "EdgeDeploy": {"ComponentNotReady"}}
    assert own == {"ServiceUnavailable"} | later.get(name, set())
    assert all(hasattr(errors, error) for error in own)


def test_jobs_wait_long_for_capacity_and_get_a_name_for_each_try() -> None:
    assert list(JOBS) == ["Train", "TrainWithChannels", "Evaluate"]
    for task in JOBS.values():
        limits = task["Retry"][0]
        assert limits["ErrorEquals"] == ["SageMaker.ResourceLimitExceededException"]
        assert limits["IntervalSeconds"] >= 60
        assert "$$.State.RetryCount" in task["Parameters"]["TrainingJobName.$"]


def test_the_two_training_states_differ_in_the_channels_alone() -> None:
    with_channels = json.loads(json.dumps(STATES["TrainWithChannels"]))
    channels = with_channels["Parameters"].pop("InputDataConfig.$")
    assert channels == "$.training.request.InputDataConfig"
    assert with_channels | {"Comment": ""} == STATES["Train"] | {"Comment": ""}


def test_the_machine_outlasts_its_longest_jobs() -> None:
    longest = MAX_RUN_SECONDS + SPOT_WAIT_SECONDS + SETUP_SECONDS
    assert MACHINE["TimeoutSeconds"] > 2 * longest


def test_the_machine_outlasts_all_that_it_waits_for() -> None:
    jobs = 2 * (MAX_RUN_SECONDS + SPOT_WAIT_SECONDS + SETUP_SECONDS)
    follow = 24 * 3600
    stage = replace(STAGES["dev"], project="rl-autoscaling")
    check(replace(stage, edge=Edge(follow_minutes=follow // 60)))
    with pytest.raises(ConfigError, match=r"edge\.follow_minutes"):
        check(replace(stage, edge=Edge(follow_minutes=follow // 60 + 1)))
    assert MACHINE["TimeoutSeconds"] > jobs + follow + sum(map(retrying, TASKS.values()))


def retrying(task: dict[str, Any]) -> float:
    """Return how long a state may wait between its attempts."""
    seconds = 0.0
    for retrier in task["Retry"]:
        for attempt in range(retrier["MaxAttempts"]):
            pause = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt
            seconds += min(pause, retrier["MaxDelaySeconds"])
    return seconds


def test_every_status_of_an_endpoint_leads_on() -> None:
    model = get_session().get_service_model("sagemaker")
    statuses = set(model.shape_for("EndpointStatus").enum)
    [waiting] = STATES["EndpointReady?"]["Choices"]
    waits = {rule["StringEquals"] for rule in waiting["Or"]}
    assert statuses - waits == {"InService", "Failed", "OutOfService", "UpdateRollbackFailed"}
    assert waits < statuses


def test_substitutions_are_the_functions_and_the_jobs_role() -> None:
    names = (
        *("Prepare", "Gate", "Register", "Deploy", "SmokeTest"),
        *("EdgePublish", "EdgeDeploy", "EdgeFollow"),
    )
    expected = {f"{name}FunctionArn" for name in names} | {"TrainingRoleArn"}
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == expected
    assert tuple(FUNCTIONS) == names
    assert all(task["Parameters"]["RoleArn"] == "${TrainingRoleArn}" for task in JOBS.values())


def test_the_interpreters_limits_are_kept() -> None:
    assert not re.search(r'"(Assign|QueryLanguage|Output|Arguments)"|\{%', TEXT)


def test_every_output_has_the_keys_of_the_contract() -> None:
    for name in ("Deployed", "Registered", "Rejected"):
        parameters = STATES[name]["Parameters"]
        assert [key.removesuffix(".$") for key in parameters] == [
            "status",
            "model_package_arn",
            "endpoint_name",
            "component_version",
            "scorecard_s3_uri",
            "reason",
        ]
        assert parameters["status"] == name
