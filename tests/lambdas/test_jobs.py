"""The requests of the jobs, as the first state writes them: what SageMaker takes, and no more."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.ec2.models.instance_types import INSTANCE_TYPES

from lambdas.jobs import LOCAL_VOLUME
from lambdas.prepare import Settings, prepare
from lambdas.settings import read_settings
from tests.lambdas.preparing import LOAD, run
from tests.lambdas.samples import BUCKET, SOURCE, VARIABLES

SETTINGS = read_settings(Settings, VARIABLES)
ADDED = {"TrainingJobName": "x", "RoleArn": VARIABLES["TRAINING_ROLE_ARN"]}


@cache
def request_shape() -> Any:
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateTrainingJob").input_shape


def problems_of_request(request: dict[str, Any]) -> str:
    report = ParamValidator().validate({**ADDED, **request}, request_shape())
    return str(report.generate_report())


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
    [
        ("ml.c7i.2xlarge", False),
        ("ml.m5d.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.g7e.2xlarge", True),
        ("ml.p3dn.24xlarge", True),
        ("ml.p6-b200.48xlarge", True),
    ],
)
def test_a_disk_of_the_machine_itself_takes_no_key(
    monkeypatch: pytest.MonkeyPatch, instance_type: str, own_disk: bool
) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/1")
    document = run({"training": {"instance_type": instance_type}})
    resources = document["training"]["request"]["ResourceConfig"]
    assert ("VolumeKmsKeyId" in resources) != own_disk


def test_disks_of_the_machine_itself_are_known_for_every_instance_of_sagemaker() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shapes = map(model.shape_for, ("TrainingInstanceType", "ProductionVariantInstanceType"))
    instances = {name for shape in shapes for name in shape.enum}
    # What EC2 says of its own ones, as far as moto has it.
    known = {"p6e-gb200": True, "dl1": True, "p2": False, "p3": False} | {
        name.split(".")[0]: facts["InstanceStorageSupported"]
        for name, facts in INSTANCE_TYPES.items()
    }
    own = {name: known[name.split(".")[1]] for name in instances}
    assert {name: bool(LOCAL_VOLUME.match(name)) for name in instances} == own


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
