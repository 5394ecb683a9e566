"""Starting an execution and waiting for it, against state machines that moto really runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tests.lambdas.samples import CREDENTIALS, KEEP_SESSION, scorecard
from tools.run_execution import Clock, ExecutionError, execute, main

BUCKET = "artifacts"
CARD = f"s3://{BUCKET}/executions/0123456789ab/scorecard.json"
RESULT = {"status": "Deployed", "reason": "It is better.", "scorecard_s3_uri": CARD}
QUICK = ("--stage", "dev", "--poll-seconds", "0")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    config = {"core": KEEP_SESSION, "stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(
            Bucket=BUCKET,
            Key=CARD.removeprefix(f"s3://{BUCKET}/"),
            Body=json.dumps(scorecard()).encode(),
        )
        yield


def deploy(state: dict[str, Any], project: str = "rl-autoscaling") -> str:
    """Deploy a state machine of one state, where the stage dev says it is."""
    definition = {"StartAt": "Only", "States": {"Only": state}}
    arn = boto3.client("stepfunctions").create_state_machine(
        name="workflow",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::123456789012:role/workflow",
    )["stateMachineArn"]
    boto3.client("ssm").put_parameter(
        Name=f"/{project}/dev/state-machine-arn", Value=arn, Type="String"
    )
    return str(arn)


def ends_with(result: object) -> dict[str, Any]:
    return {"Type": "Pass", "Result": result, "End": True}


def inputs(machine: str) -> list[dict[str, Any]]:
    states = boto3.client("stepfunctions")
    return [
        json.loads(states.describe_execution(executionArn=it["executionArn"])["input"])
        for it in states.list_executions(stateMachineArn=machine)["executions"]
    ]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("status", ["Deployed", "Registered", "Rejected"])
def test_every_result_is_a_success(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    machine = deploy(ends_with(RESULT | {"status": status}))
    assert main(QUICK) == 0
    started, ended, card = capsys.readouterr().out.splitlines()
    assert started.startswith("Started arn:aws:states:us-east-1:123456789012:execution:workflow:")
    assert ended == f"{status}: It is better."
    assert card == f"Scorecard: {CARD}"
    assert inputs(machine) == [{}]


@pytest.mark.usefixtures("account")
def test_the_project_may_be_another(capsys: pytest.CaptureFixture[str]) -> None:
    deploy(ends_with(RESULT), project="another")
    assert main(["--project", "another", *QUICK]) == 0


@pytest.mark.usefixtures("account")
def test_a_fault_fails_with_error_and_cause(capsys: pytest.CaptureFixture[str]) -> None:
    deploy({"Type": "Fail", "Error": "GateError", "Cause": "There is no scorecard."})
    assert main(QUICK) == 1
    assert "ended as FAILED: GateError: There is no scorecard." in capsys.readouterr().err


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("result", [{"status": "Deployd"}, {}, [], None, "Deployed"])
def test_an_end_without_a_result_fails(result: object, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(ends_with(result))
    assert main(QUICK) == 1
    assert "says neither of Deployed, Registered, Rejected" in capsys.readouterr().err


@pytest.mark.usefixtures("account")
def test_what_has_not_ended_in_time_fails(capsys: pytest.CaptureFixture[str]) -> None:
    deploy({"Type": "Wait", "Seconds": 2, "End": True})
    assert main([*QUICK, "--timeout-minutes", "0"]) == 1
    assert "has not ended in 0 minutes, and goes on" in capsys.readouterr().err


@pytest.mark.usefixtures("account")
def test_a_stage_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(QUICK) == 1
    expected = "There is no SSM parameter /rl-autoscaling/dev/state-machine-arn: deploy dev first"
    assert capsys.readouterr().err.strip() == expected


@pytest.mark.usefixtures("account")
def test_output_and_scorecard_are_kept(tmp_path: Path) -> None:
    deploy(ends_with(RESULT))
    output, card = tmp_path / "output.json", tmp_path / "scorecard.json"
    assert main([*QUICK, "--output", str(output), "--scorecard", str(card)]) == 0
    assert json.loads(output.read_text()) == RESULT
    assert json.loads(card.read_text()) == scorecard()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("address", [None, "", "s3://bucket", "https://example.com/scorecard.json"])
def test_a_scorecard_that_is_not_named_is_a_failure(
    address: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(ends_with(RESULT | {"scorecard_s3_uri": address}))
    assert main([*QUICK, "--scorecard", str(tmp_path / "scorecard.json")]) == 1
    assert "The output names no scorecard" in capsys.readouterr().err


@pytest.mark.usefixtures("account")
def test_a_scorecard_that_is_gone_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(ends_with(RESULT | {"scorecard_s3_uri": f"s3://{BUCKET}/executions/gone.json"}))
    assert main([*QUICK, "--scorecard", str(tmp_path / "scorecard.json")]) == 1
    assert "NoSuchKey" in capsys.readouterr().err


@pytest.mark.usefixtures("account")
def test_an_input_is_passed_on(tmp_path: Path) -> None:
    machine = deploy(ends_with(RESULT))
    request = {"preset": "smoke", "endpoint": {"run": False}}
    file = tmp_path / "input.json"
    file.write_text(json.dumps(request))
    assert main([*QUICK, "--input", str(file)]) == 0
    assert main([*QUICK, "--preset", "ppo-cartpole"]) == 0
    found = sorted(inputs(machine), key=json.dumps)
    assert found == sorted([request, {"preset": "ppo-cartpole"}], key=json.dumps)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, None])
def test_an_input_that_is_none_is_a_mistake_in_the_call(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "input.json"
    if content is not None:
        file.write_text(content)
    assert main([*QUICK, "--input", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --input: ")
    assert str(file) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--stage", "dev", "--preset", "x", "--input", "y"]])
def test_a_call_must_be_whole(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--output", "missing/output.json"], "--output: there is no folder missing: make it"),
        (["--scorecard", "missing/card.json"], "--scorecard: there is no folder missing: make it"),
        (["--output", "."], "--output: . is a folder"),
        (["--poll-seconds", "-1"], "--poll-seconds: must be a finite number from 0 on, not -1"),
        (["--timeout-minutes", "nan"], "--timeout-minutes: must be a finite number from 0 on"),
        (["--timeout-minutes", "soon"], "--timeout-minutes: must be a finite number from 0 on"),
    ],
)
def test_what_could_only_fail_later_is_refused_before_anything_starts(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = deploy(ends_with(RESULT))
    with pytest.raises(SystemExit) as caught:
        main([*QUICK, *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
    assert inputs(machine) == []


@pytest.mark.usefixtures("account")
def test_an_output_that_cannot_be_written_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(ends_with(RESULT))
    file = tmp_path / "folder" / "output.json"
    file.parent.mkdir()

    def vanish(*arguments: Any, **options: Any) -> dict[str, Any]:
        output = execute(*arguments, **options)
        file.parent.rmdir()
        return output

    monkeypatch.setattr("tools.run_execution.execute", vanish)
    assert main([*QUICK, "--output", str(file)]) == 1
    said = capsys.readouterr()
    started, _, printed = said.out.partition("\n")
    assert started.startswith("Started ")
    assert json.loads(printed) == RESULT
    assert str(file) in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_it_is_looked_at_until_it_has_ended(status: str) -> None:
    states = boto3.client("stepfunctions", region_name="us-east-1")
    arn = "arn:aws:states:us-east-1:123456789012:execution:workflow:check"
    found = {
        "executionArn": arn,
        "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:workflow",
        "startDate": 0,
    }
    with Stubber(states) as stubber:
        stubber.add_response("start_execution", {"executionArn": arn, "startDate": 0})
        for each in ("RUNNING", "PENDING_REDRIVE", "RUNNING", status):
            stubber.add_response("describe_execution", found | {"status": each})
        with pytest.raises(ExecutionError, match=f"ended as {status}: no error: no cause"):
            execute(states, "arn:workflow", {}, clock=Clock(0, 1))
        stubber.assert_no_pending_responses()


@pytest.mark.usefixtures("account")
def test_a_refusal_of_aws_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(ends_with(RESULT))
    states = boto3.client("stepfunctions")
    clients = {"stepfunctions": states}
    make = boto3.client
    monkeypatch.setattr(
        "tools.run_execution.boto3.client",
        lambda name, **options: clients.get(name) or make(name, **options),
    )
    with Stubber(states) as stubber:
        stubber.add_client_error("start_execution", "AccessDeniedException", "not you")
        assert main(QUICK) == 1
    assert "AccessDeniedException" in capsys.readouterr().err
