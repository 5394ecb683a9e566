"""The request, for arguments of every kind, by botocore's model of the service."""

import dataclasses
import json

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from estimator import EstimatorError, InstanceGroup, TrainingInput
from estimator.model_check import check_request
from estimator.request import training_job_request
from estimator.settings import JobSettings
from tests.estimator.support import IMAGE, ROLE

SERVICE = botocore.session.Session().get_service_model("sagemaker")
TYPES = SERVICE.shape_for("TrainingInstanceType").enum
SOURCE = "s3://bucket/job-1/source/sourcedir.tar.gz"
BARE = JobSettings(
    role=ROLE,
    image_uri=IMAGE,
    region="us-east-1",
    entry_point="train.py",
    output_path="s3://bucket/",
    instance_type="ml.c7i.2xlarge",
)

NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,9}", fullmatch=True)
TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=40)
VARIABLES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,9}", fullmatch=True)
PLACES = NAMES.map(lambda name: f"s3://bucket/{name}")
SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
GROUPS = st.lists(
    st.builds(InstanceGroup, NAMES, st.sampled_from(TYPES), st.integers(1, 9)),
    min_size=1,
    max_size=5,
)
CLUSTERS = st.one_of(
    st.fixed_dictionaries(
        {"instance_type": st.sampled_from([*TYPES, "local"]), "instance_count": st.integers(1, 99)}
    ),
    GROUPS.map(
        lambda groups: {"instance_type": None, "instance_count": None, "instance_groups": groups}
    ),
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "keep_alive_period_in_seconds": st.integers(0, 3600),
        "volume_size": st.one_of(st.none(), st.integers(1, 1000)),
        "volume_kms_key": NAMES,
        "max_run": st.integers(1, 86_400),
        "max_wait": st.integers(86_400, 172_800),
        "max_retry_attempts": st.integers(1, 30),
        "use_spot_instances": st.booleans(),
        "input_mode": st.sampled_from(["File", "Pipe", "FastFile"]),
        "output_kms_key": NAMES,
        "disable_output_compression": st.booleans(),
        "tags": st.lists(st.fixed_dictionaries({"Key": NAMES, "Value": NAMES}), max_size=5),
        "subnets": st.lists(NAMES, max_size=3),
        "security_group_ids": st.lists(NAMES, max_size=3),
        "encrypt_inter_container_traffic": st.booleans(),
        "enable_network_isolation": st.booleans(),
        "checkpoint_s3_uri": PLACES,
        "checkpoint_local_path": st.just("/opt/ml/checkpoints"),
        "model_uri": PLACES,
        "metric_definitions": st.lists(
            st.fixed_dictionaries({"Name": NAMES, "Regex": st.just("loss: (.*)")}), max_size=40
        ),
        "enable_sagemaker_metrics": st.booleans(),
        "hyperparameters": st.dictionaries(NAMES, SCALARS, max_size=10),
        "environment": st.dictionaries(VARIABLES, TEXTS, max_size=4),
        "container_log_level": st.integers(0, 50),
    },
)
INPUTS = st.one_of(
    st.none(),
    PLACES,
    st.dictionaries(
        NAMES,
        st.one_of(
            PLACES,
            st.builds(
                TrainingInput,
                PLACES,
                distribution=st.sampled_from(["FullyReplicated", "ShardedByS3Key", None]),
                compression=st.sampled_from([None, "Gzip"]),
                content_type=st.one_of(st.none(), NAMES),
                record_wrapping=st.sampled_from([None, "RecordIO"]),
                input_mode=st.sampled_from([None, "File", "FastFile"]),
            ),
        ),
        max_size=5,
    ),
)


@given(cluster=CLUSTERS, members=MEMBERS, inputs=INPUTS, name=NAMES)
def test_every_request_is_valid_by_the_model_of_the_service(cluster, members, inputs, name) -> None:
    settings = dataclasses.replace(BARE, **cluster, **members)
    request = training_job_request(settings, job_name=name, source_s3_uri=SOURCE, inputs=inputs)
    shape = SERVICE.operation_model("CreateTrainingJob").input_shape
    assert not ParamValidator().validate(request, shape).has_errors()
    check_request("CreateTrainingJob", request)
    for text, value in members.get("hyperparameters", {}).items():
        assert json.loads(request["HyperParameters"][text]) == value


def request_of(inputs: object = None, **members: object) -> dict:
    settings = dataclasses.replace(BARE, **members)
    return training_job_request(settings, job_name="job-1", source_s3_uri=SOURCE, inputs=inputs)


def test_the_whole_request_of_a_plain_job() -> None:
    assert request_of("s3://bucket/load", hyperparameters={"seed": 1, "preset": "smoke"}) == {
        "TrainingJobName": "job-1",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {
            "seed": "1",
            "preset": '"smoke"',
            "sagemaker_submit_directory": f'"{SOURCE}"',
            "sagemaker_program": '"train.py"',
            "sagemaker_container_log_level": "20",
            "sagemaker_job_name": '"job-1"',
            "sagemaker_region": '"us-east-1"',
            "sagemaker_s3_output": '"s3://bucket/"',
            "sagemaker_estimator": '"RLEstimator"',
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/"},
        "ResourceConfig": {
            "VolumeSizeInGB": 30,
            "InstanceType": "ml.c7i.2xlarge",
            "InstanceCount": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://bucket/load",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
    }


def test_an_isolated_job_gets_its_bundle_as_a_channel() -> None:
    request = request_of(enable_network_isolation=True)
    assert request["EnableNetworkIsolation"] is True
    inside = "/opt/ml/input/data/code/sourcedir.tar.gz"
    assert json.loads(request["HyperParameters"]["sagemaker_submit_directory"]) == inside
    (channel,) = request["InputDataConfig"]
    assert channel["ChannelName"] == "code"
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == SOURCE


def test_a_local_job_names_no_instance_type_and_is_not_isolated() -> None:
    request = request_of(instance_type="local", enable_network_isolation=True)
    assert "InstanceType" not in request["ResourceConfig"]
    assert json.loads(request["HyperParameters"]["sagemaker_submit_directory"]) == SOURCE
    assert "InputDataConfig" not in request


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TrainingJobName": "a_b"}, "TrainingJobName is 'a_b', which SageMaker refuses"),
        ({"TrainingJobName": "a" * 64}, "TrainingJobName has 64 characters: SageMaker takes 63"),
        ({"RoleArn": "arn:aws:iam::1:role/x"}, "RoleArn is 'arn:aws:iam::1:role/x'"),
        ({"Tags": [{"Key": "k", "Value": "v"}] * 51}, "Tags has 51 entries: SageMaker takes 50"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "1"}}, "Invalid type for parameter"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 31}}, "MaximumRetryAttempts is 31"),
        ({"Environment": {"a": "x" * 513}}, "Environment.a has 513 characters"),
        ({"Unknown": 1}, 'Unknown parameter in input: "Unknown"'),
        (
            {"ResourceConfig": {"InstanceType": "ml.c7i.2xlarg"}},
            "ResourceConfig.InstanceType: there is no 'ml.c7i.2xlarg': did you mean "
            "'ml.c7i.2xlarge'?",
        ),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "Files"}},
            "AlgorithmSpecification.TrainingInputMode: there is no 'Files': did you mean 'File'?",
        ),
    ],
)
def test_a_request_that_the_service_would_refuse_is_refused_here(change: dict, said: str) -> None:
    with pytest.raises(EstimatorError) as error:
        check_request("CreateTrainingJob", request_of() | change)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
