"""The first state: what the later states get to read, and what S3 is asked beforehand."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.errors import ConfigurationError, InvalidInput, ServiceRefused, ServiceUnavailable
from lambdas.prepare import Settings, handler, prepare
from lambdas.settings import read_settings
from tests.lambdas.samples import ASSET, BUCKET, BUNDLE, SOURCE, VARIABLES

SETTINGS = read_settings(Settings, VARIABLES)
LOAD = f"s3://{BUCKET}/loads/load.csv"
ADDED = {"TrainingJobName": "x", "RoleArn": VARIABLES["TRAINING_ROLE_ARN"]}
CHECKPOINT = f"s3://{BUCKET}/jobs/old/output/model.tar.gz"


def run(document: object, name: str | None = "run-1") -> Any:
    return handler({"execution_name": name, "input": document}, None)


@cache
def request_shape() -> Any:
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateTrainingJob").input_shape


def problems_of_request(request: dict[str, Any]) -> str:
    report = ParamValidator().validate({**ADDED, **request}, request_shape())
    return str(report.generate_report())


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
    document = run({})
    assert document["registry"] == {"approval": "Approved"}
    assert document["model"] == {"job_name": None, "s3_uri": None}
    assert document["verdict"]["passed"] is False
    assert document["endpoint"] == {"poll_seconds": 30}
    assert document["edge"] == {"thing_group": None, "poll_seconds": 30}
    assert document["deployment"] == {"endpoint_name": None}


@pytest.mark.usefixtures("account")
def test_the_stages_devices_are_looked_for_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = "arn:aws:iot:us-east-1:123456789012:thinggroup/rl-dev-devices"
    with pytest.raises(ConfigurationError, match="THING_GROUP_ARN is not set"):
        run({"edge": {"run": True}})
    monkeypatch.setenv("THING_GROUP_ARN", group)
    with pytest.raises(
        InvalidInput, match=r"edge\.thing_group: there is no thing group rl-dev-dev"
    ):
        run({"edge": {"run": True}})
    monkeypatch.setenv("THING_GROUPS", "warehouse,shops:north")
    for name in ("rl-dev-devices", "shops:north", "rl-dev-others"):
        boto3.client("iot").create_thing_group(thingGroupName=name)
    document = run({"edge": {"run": True}, "endpoint": {"run": False}})
    assert (document["plan"]["edge"], document["plan"]["deploy"]) == (True, False)
    for name in ("rl-dev-devices", "shops:north"):
        document = run({"edge": {"run": True, "thing_group": name}})
        assert document["edge"]["thing_group"] == name
    with pytest.raises(InvalidInput, match="there is no thing group warehouse: create it"):
        run({"edge": {"run": True, "thing_group": "warehouse"}})
    # It is there, and its name begins as the stage's; the policies do not name it.
    with pytest.raises(InvalidInput) as caught:
        run({"edge": {"run": True, "thing_group": "rl-dev-others"}})
    assert caught.value.problems == (
        "edge.thing_group: rl-dev-others is no group of this stage; use rl-dev-devices or "
        "warehouse or shops:north, or add it to edge.thing_groups in stacks/config.py",
    )


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("step", ["training", "evaluation"])
def test_requests_are_what_sagemaker_takes(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/1")
    request = run({"training": {"instance_count": 3}})[step]["request"]
    assert problems_of_request(request) == ""
    assert request["OutputDataConfig"] == {
        "S3OutputPath": f"s3://{BUCKET}/jobs",
        "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1",
    }
    assert request["ResourceConfig"]["InstanceCount"] == (3 if step == "training" else 1)
    assert {"Key": "stage", "Value": "dev"} in request["Tags"]
    assert request["AlgorithmSpecification"]["MetricDefinitions"][0]["Name"] == "reward"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("step", ["training", "evaluation"])
def test_the_stage_decides_how_jobs_run(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "KMS_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/1",
        "VOLUME_GIGABYTES": "77",
        "WARM_POOL_SECONDS": "600",
        "NETWORK_ISOLATION": "1",
        "ENCRYPT_TRAFFIC": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    document = run({"training": {"use_spot": False}})
    request = document[step]["request"]
    assert problems_of_request(request) == ""
    assert request["ResourceConfig"] == {
        "InstanceType": "ml.c7i.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 77,
        "VolumeKmsKeyId": settings["KMS_KEY_ARN"],
        "KeepAlivePeriodInSeconds": 600,
    }
    assert request["EnableNetworkIsolation"] is True
    assert request["EnableInterContainerTrafficEncryption"] is True
    # An isolated job cannot fetch the bundle by itself.
    channels = document["evaluation"]["input_channels"]
    assert [channel["ChannelName"] for channel in channels] == ["code"]
    assert channels[0]["DataSource"]["S3DataSource"]["S3Uri"] == SOURCE
    assert document["training"]["request"]["InputDataConfig"] == channels
    assert document["plan"]["channels"] is True


@pytest.mark.usefixtures("account")
def test_spot_jobs_are_not_kept_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARM_POOL_SECONDS", "600")
    resources = run({})["training"]["request"]["ResourceConfig"]
    assert "KeepAlivePeriodInSeconds" not in resources


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("instance_type", "own_disk"),
    [("ml.c7i.2xlarge", False), ("ml.m5d.xlarge", True), ("ml.g5.xlarge", True)],
)
def test_a_disk_of_the_machine_itself_takes_no_key(
    monkeypatch: pytest.MonkeyPatch, instance_type: str, own_disk: bool
) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/1")
    document = run({"training": {"instance_type": instance_type}})
    resources = document["training"]["request"]["ResourceConfig"]
    assert ("VolumeKmsKeyId" in resources) != own_disk


@pytest.mark.usefixtures("account")
def test_a_type_that_the_stage_does_not_offer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_TYPES", "ml.c7i.2xlarge,ml.g5.xlarge")
    run({"training": {"instance_type": "ml.g5.xlarge"}})
    with pytest.raises(
        InvalidInput, match=r"ml\.p5\.48xlarge is not offered by this stage; use ml\.c7i"
    ):
        run({"training": {"instance_type": "ml.p5.48xlarge"}})


@pytest.mark.usefixtures("account")
def test_spot_jobs_keep_checkpoints_and_may_wait_for_capacity() -> None:
    document = run({"training": {"max_run_seconds": 100}})
    request = document["training"]["request"]
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 100,
        "MaxWaitTimeInSeconds": 3700,
    }
    identity = document["execution"]["id"]
    assert request["CheckpointConfig"] == {
        "S3Uri": f"s3://{BUCKET}/checkpoints/{identity}/training",
        "LocalPath": "/opt/ml/checkpoints",
    }
    assert document["training"]["timeout_seconds"] == 7300


@pytest.mark.usefixtures("account")
def test_on_demand_jobs_name_no_waiting_time() -> None:
    request = run({"training": {"use_spot": False}})["training"]["request"]
    assert request["EnableManagedSpotTraining"] is False
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}


def test_a_load_file_becomes_a_channel_of_both_jobs(put: Callable[[str, bytes], None]) -> None:
    put(LOAD, b"timestamp,requests\n")
    document = run({"load": {"s3_uri": LOAD}})
    channels = document["training"]["request"]["InputDataConfig"]
    assert [channel["ChannelName"] for channel in channels] == ["load"]
    assert channels[0]["DataSource"]["S3DataSource"]["S3Uri"] == LOAD
    assert document["evaluation"]["input_channels"] == channels
    assert document["plan"]["channels"] is True
    assert problems_of_request(document["training"]["request"]) == ""


@pytest.mark.usefixtures("account")
def test_without_a_load_file_there_is_no_channel() -> None:
    document = run({"load": {"profile": "default"}})
    assert "InputDataConfig" not in document["training"]["request"]
    assert document["evaluation"]["input_channels"] == []


@pytest.mark.usefixtures("account")
def test_only_given_environment_keys_become_hyperparameters() -> None:
    document = run(
        {
            "preset": "smoke",
            "environment": {"warmup_minutes": 3, "failure_price": 12.5},
            "training": {"hyperparameters": {"seed": 7, "training.generations": "4"}},
        }
    )
    ours = {"environment.warmup_minutes": "3", "environment.failure_price": "12.5"}
    training = document["training"]["request"]["HyperParameters"]
    evaluation = document["evaluation"]["request"]["HyperParameters"]
    assert (
        training.items()
        >= {**ours, "preset": "smoke", "seed": "7", "training.generations": "4"}.items()
    )
    assert evaluation.items() >= ours.items()
    assert "seed" not in evaluation


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
def test_a_missing_bundle_is_the_deployments_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_S3_URI", f"s3://{BUCKET}/gone.gz")
    with pytest.raises(ConfigurationError) as caught:
        run({})
    assert str(caught.value) == (
        f"The training bundle cannot be copied from s3://{BUCKET}/gone.gz to {SOURCE} (NoSuchKey): "
        "it is missing, or prepare may not read it. Deploy it again."
    )


def test_a_bundle_is_kept_once_and_outlives_what_the_deployment_put(
    put: Callable[[str, bytes], None],
) -> None:
    s3 = boto3.client("s3")
    kept = {"Bucket": BUCKET, "Key": SOURCE.removeprefix(f"s3://{BUCKET}/")}
    assert run({})["source"] == {"s3_uri": SOURCE}
    first = s3.get_object(**kept)
    assert first["Body"].read() == BUNDLE
    # Were it copied again, the copy would have what lies there now.
    put(ASSET, b"other")
    assert run({}, "run-2")["source"] == {"s3_uri": SOURCE}
    bucket, _, key = ASSET.removeprefix("s3://").partition("/")
    s3.delete_object(Bucket=bucket, Key=key)
    assert run({}, "run-3")["source"] == {"s3_uri": SOURCE}
    assert s3.get_object(**kept)["Body"].read() == BUNDLE


@pytest.mark.usefixtures("account")
def test_a_mistake_in_the_input_copies_nothing() -> None:
    with pytest.raises(InvalidInput):
        run({"load": {"s3_uri": LOAD}})
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)


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
    assert len(run({"training": {"hyperparameters": many}})["training"]["request"]) > 0
    with pytest.raises(InvalidInput, match="98 are too many; leave at most 97"):
        run({"training": {"hyperparameters": many | {"b": 1}}})


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


@pytest.mark.usefixtures("variables")
def test_a_bundle_that_may_not_be_read_is_named_and_no_tag_is_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3 = boto3.client("s3")
    monkeypatch.setattr("lambdas.prepare.client", lambda _: s3)
    bucket, _, key = ASSET.removeprefix("s3://").partition("/")
    request = {
        "Bucket": BUCKET,
        "Key": SOURCE.removeprefix(f"s3://{BUCKET}/"),
        "CopySource": {"Bucket": bucket, "Key": key},
        "TaggingDirective": "REPLACE",
    }
    with Stubber(s3) as stubber:
        stubber.add_client_error("head_object", "404", http_status_code=404)
        stubber.add_client_error(
            "copy_object", "AccessDenied", http_status_code=403, expected_params=request
        )
        with pytest.raises(ConfigurationError, match=rf"from {ASSET} to .*\(AccessDenied\).*again"):
            run({})


@pytest.fixture
def s3(account: None) -> Any:
    return boto3.client("s3")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "preset": st.sampled_from([None, "smoke", "ppo-autoscaling"]),
            "training": st.fixed_dictionaries(
                {},
                optional={
                    "instance_count": st.integers(1, 100),
                    "use_spot": st.booleans(),
                    "max_run_seconds": st.integers(1, 432_000),
                    "hyperparameters": st.dictionaries(
                        st.from_regex(r"\A[a-z_]{1,20}\Z").filter(
                            lambda name: (
                                name not in ("preset", "episodes")
                                and not name.startswith("sagemaker_")
                            )
                        ),
                        st.booleans() | st.integers() | st.text(max_size=20),
                        max_size=5,
                    ),
                },
            ),
            "evaluation": st.fixed_dictionaries({}, optional={"episodes": st.integers(2, 1000)}),
        },
    )
)
def test_what_is_accepted_makes_valid_requests(s3: Any, document: dict[str, Any]) -> None:
    result: Any = prepare(document, execution_name="x", settings=SETTINGS, s3=s3, iot=None)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for step in ("training", "evaluation"):
        assert problems_of_request(result[step]["request"]) == ""
        assert len(result[step]["job_name"]) <= 60
