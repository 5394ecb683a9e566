"""The first state: what the later states get to read, and what S3 is asked beforehand."""

from collections.abc import Callable

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.errors import ConfigurationError, InvalidInput, ServiceRefused, ServiceUnavailable
from lambdas.prepare import handler
from tests.lambdas.preparing import LOAD, run
from tests.lambdas.samples import BUCKET, SOURCE

CHECKPOINT = f"s3://{BUCKET}/jobs/old/output/model.tar.gz"


@pytest.mark.usefixtures("account")
def test_an_empty_input_gives_the_whole_plan() -> None:
    document = run({})
    assert document["plan"] == {
        "train": True,
        "channels": False,
        "evaluate": True,
        "deploy": True,
        "edge": False,
    }
    identity = document["execution"]["id"]
    assert document["execution"] == {"id": identity, "name": "run-1", "preset": "cem-autoscaling"}
    assert document["training"]["job_name"] == f"rl-training-cem-autoscaling-{identity}"
    assert document["evaluation"]["job_name"] == f"rl-evaluation-cem-autoscaling-{identity}"
    assert document["training"]["request"]["HyperParameters"] == {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": SOURCE,
        "preset": "cem-autoscaling",
    }
    assert document["evaluation"]["request"]["HyperParameters"] == {
        "sagemaker_program": "evaluate.py",
        "sagemaker_submit_directory": SOURCE,
        "evaluation.confidence": "0.95",
    }
    document = run({"evaluation": {"episodes": 24}, "gate": {"baseline": "best_tuned"}})
    given = document["evaluation"]["request"]["HyperParameters"]
    assert (given["episodes"], given["evaluation.baseline"]) == ("24", "best_tuned")
    # So that one which the environment has not ends the execution before anything is trained.
    assert document["training"]["request"]["HyperParameters"]["evaluation.baseline"] == "best_tuned"
    document = run({})
    assert document["registry"] == {"approval": "Approved"}
    assert document["model"] == {"job_name": None, "s3_uri": None}
    assert document["verdict"]["passed"] is False
    assert document["endpoint"] == {"poll_seconds": 30}
    assert document["edge"] == {"thing_group": None, "poll_seconds": 30}
    assert document["deployment"] == {"endpoint_name": None}


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("offered", "default"),
    [
        ("", "ml.c7i.2xlarge"),
        ("ml.g5.xlarge,ml.c7i.2xlarge", "ml.c7i.2xlarge"),
        ("ml.g5.xlarge,ml.g6.xlarge", "ml.g5.xlarge"),
    ],
)
def test_jobs_run_on_a_type_that_the_stage_offers(
    monkeypatch: pytest.MonkeyPatch, offered: str, default: str
) -> None:
    monkeypatch.setenv("INSTANCE_TYPES", offered)
    for document in ({}, {"training": {"hyperparameters": {"seed": "1"}}}):
        request = run(document)["training"]["request"]
        assert request["ResourceConfig"]["InstanceType"] == default


@pytest.mark.usefixtures("account")
def test_a_type_that_the_stage_does_not_offer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_TYPES", "ml.c7i.2xlarge,ml.g5.xlarge")
    run({"training": {"instance_type": "ml.g5.xlarge"}})
    with pytest.raises(
        InvalidInput, match=r"ml\.p5\.48xlarge is not offered by this stage; use ml\.c7i"
    ):
        run({"training": {"instance_type": "ml.p5.48xlarge"}})


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("minutes", [1, 60, 500, 1440])
def test_devices_are_looked_at_as_often_as_step_functions_lets(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setenv("EDGE_FOLLOW_SECONDS", str(minutes * 60))
    pause = run({})["edge"]["poll_seconds"]
    assert pause == max(30, minutes * 60 // 1000)
    # A look is nine events of an execution's 25,000, and other states need some, too.
    assert minutes * 60 / pause * 9 < 10_000


def test_an_old_artifact_can_be_evaluated_without_training(
    put: Callable[[str, bytes], None],
) -> None:
    put(CHECKPOINT, b"model")
    document = run({"training": {"run": False}, "evaluation": {"checkpoint_s3_uri": CHECKPOINT}})
    assert document["plan"]["train"] is False
    assert document["model"] == {"job_name": None, "s3_uri": CHECKPOINT}


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("endpoint", [{}, {"run": True}, {"run": False}])
def test_a_package_that_waits_for_approval_is_not_deployed(endpoint: dict[str, bool]) -> None:
    document = run({"registry": {"approval": "manual"}, "endpoint": endpoint})
    assert document["registry"] == {"approval": "PendingManualApproval"}
    assert document["plan"]["deploy"] is False


@pytest.mark.usefixtures("account")
def test_an_execution_delivered_twice_makes_the_same_names() -> None:
    assert run({}) == run({})
    assert run({}, "run-1")["execution"]["id"] != run({}, "run-2")["execution"]["id"]
    assert run({}, None)["execution"]["id"] != run({}, None)["execution"]["id"]


@pytest.mark.usefixtures("account")
def test_objects_that_are_missing_are_reported_together(put: Callable[[str, bytes], None]) -> None:
    put(LOAD, b"")
    document = {
        "load": {"s3_uri": LOAD},
        "training": {"run": False},
        "evaluation": {"checkpoint_s3_uri": "s3://no-such-bucket/model.tar.gz"},
    }
    with pytest.raises(InvalidInput) as caught:
        run(document)
    assert caught.value.problems == (
        f"load.s3_uri: {LOAD} is empty: upload it again",
        "evaluation.checkpoint_s3_uri: the bucket no-such-bucket does not exist: "
        "upload the file or correct the address",
    )


@pytest.mark.usefixtures("account")
def test_an_input_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="input: must be a JSON object, not null"):
        handler({}, None)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PRESETS", " , ", "PRESETS names no preset"),
        ("METRIC_DEFINITIONS", "{", "METRIC_DEFINITIONS must be a JSON list"),
        ("METRIC_DEFINITIONS", '[{"Name": "x"}]', "METRIC_DEFINITIONS must be a JSON list"),
        ("METRIC_DEFINITIONS", "5", "METRIC_DEFINITIONS must be a JSON list"),
    ],
)
def test_wrong_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        run({})


@pytest.mark.usefixtures("account")
def test_hyperparameters_are_kept_within_sagemakers_number() -> None:
    many = {f"a{index}": index for index in range(97)}
    request = run({"training": {"hyperparameters": many}})["training"]["request"]
    assert len(request["HyperParameters"]) == 100
    with pytest.raises(InvalidInput, match="98 are too many; leave at most 97"):
        run({"training": {"hyperparameters": many | {"b": 1}}})
    with pytest.raises(InvalidInput, match="97 are too many; leave at most 96"):
        run({"training": {"hyperparameters": many}, "gate": {"baseline": "random"}})


@pytest.mark.usefixtures("account")
def test_hyperparameters_are_kept_within_the_state_machines_size() -> None:
    many = {f"a{index}": "x" * 2500 for index in range(90)}
    with pytest.raises(InvalidInput, match="together too long for a state machine"):
        run({"training": {"hyperparameters": many}})


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("SlowDown", 503, ServiceUnavailable),
        ("InternalError", 500, ServiceUnavailable),
        ("Throttling", 429, ServiceUnavailable),
        ("MethodNotAllowed", 405, ServiceRefused),
    ],
)
def test_faults_of_s3_are_no_mistakes_of_the_user(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int, expected: type[Exception]
) -> None:
    s3 = boto3.client("s3")
    monkeypatch.setattr("lambdas.prepare.client", lambda _: s3)
    with Stubber(s3) as stubber:
        stubber.add_client_error("head_object", code, http_status_code=status)
        with pytest.raises(expected, match=f"HeadObject was refused.*{code}"):
            run({})
        stubber.add_client_error("head_object", "404", http_status_code=404)
        stubber.add_client_error("copy_object", code, http_status_code=status)
        with pytest.raises(expected, match=f"CopyObject was refused.*{code}"):
            run({})
        # What is named in the input is looked for before.
        stubber.add_client_error("head_bucket", code, http_status_code=status)
        with pytest.raises(expected, match=f"HeadBucket was refused.*{code}"):
            run({"load": {"s3_uri": LOAD}})
