"""Requests for jobs that are refused before a process starts, each with the reason."""

import pytest

from tests.local_mode.support import channel, job_request


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"TrainingJobName": "no_underscore"}, "at 'trainingJobName' failed to satisfy"),
        ({"ResourceConfig": {"InstanceType": "ml.unheard.of"}}, "resourceConfig.instanceType"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"OutputDataConfig": {"S3OutputPath": "s3:/x"}}, "s3OutputPath"),
        (
            {
                "CheckpointConfig": {
                    "S3Uri": "s3://no-such-bucket-anywhere/x",
                    "LocalPath": "/tmp/x",
                }
            },
            "not under /opt/ml",
        ),
        ({"HyperParameters": {"x" * 300: "1"}}, "failed to satisfy constraint: Member must have"),
    ],
)
def test_a_wrong_request_is_refused_at_once(sagemaker, members, message):
    with pytest.raises(sagemaker.exceptions.ClientError, match=message) as caught:
        sagemaker.create_training_job(**(job_request("refused", "learn") | members))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_broken_regex_is_refused_at_once(sagemaker):
    request = job_request("refused", "learn")
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "x", "Regex": "(("}]
    with pytest.raises(sagemaker.exceptions.ClientError, match="Metric x: the regex"):
        sagemaker.create_training_job(**request)


@pytest.mark.parametrize(
    ("member", "changes", "message"),
    [
        ("AlgorithmSpecification", {"ContainerEntrypoint": ["bash"]}, "has no image"),
        ("OutputDataConfig", {"CompressionType": "NONE"}, "CompressionType NONE"),
        ("ResourceConfig", {"InstanceGroups": []}, "InstanceGroups is not available"),
        ("StoppingCondition", {"MaxWaitTimeInSeconds": 90}, "only for jobs with EnableManaged"),
        ("InputDataConfig", {"CompressionType": "Gzip"}, "only uncompressed objects"),
        ("InputDataConfig", {"InputMode": "Pipe"}, "only uncompressed objects"),
        ("InputDataConfig", {"DataSource": {}}, "only an S3DataSource of type S3Prefix"),
    ],
)
def test_what_no_local_process_can_do_is_refused(sagemaker, member, changes, message):
    request = job_request("refused", "learn", InputDataConfig=[channel("load", "s3://b/k")])
    target = request[member]
    (target[0] if isinstance(target, list) else target).update(changes)
    with pytest.raises(sagemaker.exceptions.ClientError, match=message):
        sagemaker.create_training_job(**request)
    del request["StoppingCondition"]
    with pytest.raises(sagemaker.exceptions.ClientError, match="Missing required parameter"):
        sagemaker.create_training_job(**request)


def test_jobs_that_would_be_a_pretence_are_refused(sagemaker):
    with pytest.raises(sagemaker.exceptions.ClientError, match="no local process does it"):
        sagemaker.create_processing_job(
            ProcessingJobName="p",
            RoleArn="arn:aws:iam::123456789012:role/x",
            AppSpecification={"ImageUri": "x"},
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
        )
