"""Training jobs: real processes, with the ends and reasons that AWS would give."""

import datetime
import json
import os
import time

import pytest

from local_mode.aws.training import runner
from tests.local_mode.support import (
    BUCKET,
    SOURCE,
    archive,
    channel,
    end_of_job,
    job_request,
    log_lines,
    read_object,
    secondary,
    unpack,
    wait_for,
)

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def learned(aws):
    """A job that succeeded, with a channel, and the report that its program wrote."""
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="data/a/one.csv", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="data/a/deep/two.csv", Body=b"2")
    https = f"https://s3.us-east-1.amazonaws.com/{BUCKET}/data/a/one.csv"
    request = job_request(
        "learned",
        "learn",
        hyperparameters={"seed": "1", "pause": "0.3", "name": '"quoted"', "flag": "true"},
        InputDataConfig=[channel("load", f"s3://{BUCKET}/data/a"), channel("single", https)],
        Environment={"EXTRA": "yes"},
        Tags=[{"Key": "stage", "Value": "dev"}],
    )
    # Both forms of a location must work; CDK writes this one.
    request["OutputDataConfig"] = {
        "S3OutputPath": f"https://s3.us-east-1.amazonaws.com/{BUCKET}/jobs/"
    }
    aws.client("sagemaker").create_training_job(**request)
    job = end_of_job(aws, "learned")
    files = unpack(read_object(aws, job["ModelArtifacts"]["S3ModelArtifacts"]))
    return request, job, json.loads(files["report.json"])


def test_a_successful_job_is_described_as_on_aws(learned):
    request, job, _ = learned
    assert job["TrainingJobStatus"] == "Completed"
    assert secondary(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["ModelArtifacts"] == {
        "S3ModelArtifacts": f"s3://{BUCKET}/jobs/learned/output/model.tar.gz"
    }
    assert job["AlgorithmSpecification"] == request["AlgorithmSpecification"]
    assert job["HyperParameters"] == request["HyperParameters"]
    assert job["OutputDataConfig"] == {
        **request["OutputDataConfig"],
        "KmsKeyId": "",
        "CompressionType": "GZIP",
    }
    assert job["CreationTime"] <= job["TrainingStartTime"] < job["TrainingEndTime"]
    assert "FailureReason" not in job
    assert "Tags" not in job


def test_the_program_finds_a_sagemaker_container(learned):
    _, _, report = learned
    environment, inputs = report["environment"], report["inputs"]
    base = environment["SAGEMAKER_BASE_DIR"]
    assert environment["TRAINING_JOB_NAME"] == "learned"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["SM_MODEL_DIR"] == f"{base}/model"
    assert environment["SM_OUTPUT_DATA_DIR"] == f"{base}/output/data"
    assert environment["SM_CHANNEL_LOAD"] == f"{base}/input/data/load"
    assert json.loads(environment["SM_HPS"]) == {
        "task": "learn",
        "seed": 1,
        "pause": 0.3,
        "name": "quoted",
        "flag": True,
    }
    assert environment["SM_HP_NAME"] == "quoted"
    assert json.loads(environment["SM_HOSTS"]) == [environment["SM_CURRENT_HOST"]]
    assert environment["EXTRA"] == "yes"
    assert inputs["input/data/load/one.csv"] == "1"
    assert inputs["input/data/load/deep/two.csv"] == "2"
    assert inputs["input/data/single/one.csv"] == "1"
    assert json.loads(inputs["input/config/hyperparameters.json"])["seed"] == "1"
    assert set(json.loads(inputs["input/config/inputdataconfig.json"])) == {"load", "single"}
    assert "PYTEST_CURRENT_TEST" not in environment


def test_the_output_is_uploaded_and_the_folder_removed(aws, learned):
    _, _, report = learned
    output = read_object(aws, f"s3://{BUCKET}/jobs/learned/output/output.tar.gz")
    assert unpack(output) == {"table.csv": "a,b\n1,2\n"}
    # The job has ended a moment before.
    wait_for(lambda: not os.path.exists(report["environment"]["SAGEMAKER_BASE_DIR"]))


def test_the_lines_are_in_the_log(aws, learned):
    lines = log_lines(aws, GROUP, "learned/algo-1-")
    assert lines[0].startswith("local process ")
    assert "Training> Name=main, Episode=2, Total reward=3.0, end" in lines
    assert lines[-1].endswith("ended with exit code 0")


def test_the_metrics_are_in_cloudwatch(aws, learned):
    _, job, _ = learned
    final = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    assert final == {"reward-training": 3.0, "loss": pytest.approx(1 / 3)}
    moment = datetime.datetime.now(datetime.UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=GROUP,
        MetricName="reward-training",
        Dimensions=[{"Name": "TrainingJobName", "Value": "learned"}],
        StartTime=moment - datetime.timedelta(hours=1),
        EndTime=moment + datetime.timedelta(seconds=5),
        Period=3600,
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]
    assert [(point["Average"], point["SampleCount"]) for point in points] == [(1.5, 3.0)]


def test_tags_and_lists(sagemaker, learned):
    _, job, _ = learned
    arn = job["TrainingJobArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stage"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    listed = sagemaker.list_training_jobs(NameContains="learned", StatusEquals="Completed")
    assert [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]] == ["learned"]


def test_logs_and_metrics_are_visible_while_the_job_runs(aws, sagemaker):
    request = job_request("live", "learn", hyperparameters={"pause": "1.5"})
    sagemaker.create_training_job(**request)

    def seen() -> bool:
        found = aws.client("cloudwatch").list_metrics(
            Namespace=GROUP, Dimensions=[{"Name": "TrainingJobName", "Value": "live"}]
        )
        return bool(found["Metrics"])

    wait_for(seen)
    lines = log_lines(aws, GROUP, "live/")
    assert any(line.startswith("Training>") for line in lines)
    assert sagemaker.describe_training_job(TrainingJobName="live")["SecondaryStatus"] == "Training"
    sagemaker.stop_training_job(TrainingJobName="live")
    assert end_of_job(aws, "live")["TrainingJobStatus"] == "Stopped"


def test_a_failed_job_says_what_its_program_wrote(aws, sagemaker):
    sagemaker.create_training_job(**job_request("failed", "fail"))
    job = end_of_job(aws, "failed")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: preset: no such preset\nxxx")
    assert job["FailureReason"].endswith(", exit code: 3")
    assert len(job["FailureReason"]) <= 1024
    assert "ModelArtifacts" not in job
    # What it wrote until then is uploaded, and its folder stays to be looked at.
    output = read_object(aws, f"s3://{BUCKET}/jobs/failed/output/output.tar.gz")
    assert unpack(output) == {"why.txt": "because"}
    assert (aws.state_dir / "training/failed/algo-1/output/failure").is_file()


def test_a_killed_job_fails_with_the_code_of_its_signal(aws, sagemaker):
    sagemaker.create_training_job(**job_request("killed", "suicide"))
    assert end_of_job(aws, "killed")["FailureReason"] == (
        "AlgorithmError: ended by signal 9, often for want of memory, exit code: 137"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (5, ""),
        (128, ""),
        (255, ""),  # what a program gets that ends with -1
        (139, "ended by signal 11"),
        (-9, "ended by signal 9, often for want of memory"),
    ],
)
def test_an_exit_code_tells_its_signal(code, words):
    assert runner._signal_of(code) == words


def test_a_stopped_job_may_save_what_it_has(aws, sagemaker):
    checkpoints = {"S3Uri": f"s3://{BUCKET}/checkpoints/stopped"}
    sagemaker.create_training_job(**job_request("stopped", "stop", CheckpointConfig=checkpoints))
    wait_for(lambda: "waiting" in log_lines_if_any(aws, "stopped/"))
    sagemaker.stop_training_job(TrainingJobName="stopped")
    assert sagemaker.describe_training_job(TrainingJobName="stopped")["TrainingJobStatus"] in (
        "Stopping",
        "Stopped",
    )
    job = end_of_job(aws, "stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert read_object(aws, f"s3://{BUCKET}/checkpoints/stopped/at-stop") == b"saved"
    model = read_object(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert unpack(model) == {"partial.txt": "partial"}
    with pytest.raises(sagemaker.exceptions.ClientError, match="in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName="stopped")


def log_lines_if_any(aws, prefix: str) -> list[str]:
    try:
        return log_lines(aws, GROUP, prefix)
    except aws.client("logs").exceptions.ResourceNotFoundException:
        return []


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace_period(aws, sagemaker):
    sagemaker.create_training_job(**job_request("stubborn", "stubborn"))
    wait_for(lambda: "waiting" in log_lines_if_any(aws, "stubborn/"))
    started = time.monotonic()
    sagemaker.stop_training_job(TrainingJobName="stubborn")
    assert end_of_job(aws, "stubborn")["TrainingJobStatus"] == "Stopped"
    assert 1.0 <= time.monotonic() - started < 10.0


def test_the_run_time_is_limited(aws, sagemaker):
    condition = {"MaxRuntimeInSeconds": 1}
    sagemaker.create_training_job(**job_request("late", "stop", StoppingCondition=condition))
    job = end_of_job(aws, "late")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_checkpoints_survive_from_job_to_job(aws, sagemaker):
    spot = {
        "CheckpointConfig": {"S3Uri": f"https://s3.amazonaws.com/{BUCKET}/checkpoints/run"},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    }
    # The objects of another run whose name starts the same way are none of its business.
    aws.client("s3").put_object(Bucket=BUCKET, Key="checkpoints/run-2/count", Body=b"40")
    for attempt in range(2):
        sagemaker.create_training_job(**job_request(f"spot-{attempt}", "checkpoint", **spot))
        job = end_of_job(aws, f"spot-{attempt}")
        assert job["TrainingJobStatus"] == "Completed"
    assert read_object(aws, f"s3://{BUCKET}/checkpoints/run/count") == b"2"
    assert unpack(read_object(aws, job["ModelArtifacts"]["S3ModelArtifacts"])) == {"count": "2"}


def test_several_hosts_share_the_channel_and_the_model(aws, sagemaker):
    for name in ("a", "b", "c"):
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"shards/{name}", Body=b"x")
    resources = {"InstanceType": "ml.c7i.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30}
    data = [channel("load", f"s3://{BUCKET}/shards/", "ShardedByS3Key")]
    request = job_request("hosts", "hosts", ResourceConfig=resources, InputDataConfig=data)
    sagemaker.create_training_job(**request)
    job = end_of_job(aws, "hosts")
    model = unpack(read_object(aws, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert model == {"rank-0": "a,c", "rank-1": "b"}
    bad = {"TrainingJobName": "hosts-bad"}
    request["HyperParameters"]["bad_rank"] = "1"
    sagemaker.create_training_job(**(request | bad))
    assert end_of_job(aws, "hosts-bad")["FailureReason"] == "AlgorithmError: , exit code: 5"


MISSING = "s3://no-such-bucket-anywhere/x"


@pytest.mark.parametrize(
    ("name", "members", "reason"),
    [
        (
            "no-output-bucket",
            {"OutputDataConfig": {"S3OutputPath": MISSING}},
            "ClientError: Artifact upload failed:Error 7: NoSuchBucket (404): "
            "The specified bucket does not exist",
        ),
        (
            "no-channel-bucket",
            {"InputDataConfig": [channel("load", MISSING)]},
            "ClientError: Data download failed:NoSuchBucket (404): "
            "The specified bucket does not exist: no-such-bucket-anywhere",
        ),
        (
            "no-channel-object",
            {"InputDataConfig": [channel("load", f"s3://{BUCKET}/nothing/here")]},
            f'ClientError: Data download failed:No S3 objects found under S3 URL "s3://{BUCKET}'
            '/nothing/here" given in input data source of the channel load. Please ensure that '
            "the bucket exists and that objects exist under that S3 prefix",
        ),
        (
            "no-checkpoint-bucket",
            {"CheckpointConfig": {"S3Uri": MISSING}},
            "ClientError: Data download failed:NoSuchBucket (404): "
            "The specified bucket does not exist",
        ),
        (
            "no-submit-directory",
            {"hyperparameters": {"sagemaker_submit_directory": f"s3://{BUCKET}/no.tar.gz"}},
            f"AlgorithmError: cannot use s3://{BUCKET}/no.tar.gz: NoSuchKey (404): The specified "
            f"key does not exist: s3://{BUCKET}/no.tar.gz, exit code: 1",
        ),
        (
            "broken-bundle",
            {"hyperparameters": {"sagemaker_submit_directory": f"s3://{BUCKET}/broken.tar.gz"}},
            "AlgorithmError: cannot use",
        ),
        (
            "bundle-with-a-traversal",
            {"hyperparameters": {"sagemaker_submit_directory": f"s3://{BUCKET}/evil.tar.gz"}},
            "AlgorithmError: cannot use",
        ),
        (
            "no-program",
            {"hyperparameters": {"sagemaker_program": "nothing.py"}},
            f"AlgorithmError: {SOURCE} holds no nothing.py, exit code: 1",
        ),
        (
            "program-outside",
            {"hyperparameters": {"sagemaker_program": "../../x.py"}},
            f"AlgorithmError: {SOURCE} holds no ../../x.py, exit code: 1",
        ),
        (
            "no-submit-hyperparameter",
            {"hyperparameters": {"sagemaker_submit_directory": "null"}},
            "AlgorithmError: sagemaker_submit_directory is missing: a local process needs a "
            "program and its bundle, exit code: 1",
        ),
    ],
)
def test_what_is_missing_fails_the_job_with_a_reason(aws, sagemaker, name, members, reason):
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="broken.tar.gz", Body=archive({"work.py": "x" * 99})[:-20])
    s3.put_object(Bucket=BUCKET, Key="evil.tar.gz", Body=archive({"../../evil.py": "x"}))
    sagemaker.create_training_job(**job_request(name, "learn", **members))
    job = end_of_job(aws, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


@pytest.mark.parametrize("lost", ["OutputDataConfig", "CheckpointConfig"])
def test_a_bucket_that_goes_while_the_job_runs_fails_it(aws, sagemaker, lost):
    bucket = f"going-{lost.lower()}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    uri = f"s3://{bucket}/x"
    config = {"S3OutputPath": uri} if lost == "OutputDataConfig" else {"S3Uri": uri}
    sagemaker.create_training_job(**job_request(bucket, "stop", **{lost: config}))
    wait_for(lambda: "waiting" in log_lines_if_any(aws, f"{bucket}/"))
    s3.delete_bucket(Bucket=bucket)
    sagemaker.stop_training_job(TrainingJobName=bucket)
    reason = end_of_job(aws, bucket)["FailureReason"]
    assert reason.startswith("ClientError: Artifact upload failed:Error 7: NoSuchBucket (404)")


def test_names_are_unique_and_unknown_names_are_not_found(sagemaker, learned):
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="already exists"):
        sagemaker.create_training_job(**job_request("learned", "learn"))
    with pytest.raises(sagemaker.exceptions.ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="unheard-of")
