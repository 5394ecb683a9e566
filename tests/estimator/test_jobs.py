"""Jobs from start to end: real processes of the local AWS, reached as a user reaches it."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from estimator import EstimatorError, Job, JobFailedError, RLEstimator, TrainingInput
from estimator.places import find_places
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, keys, members, read_object, report

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def trained(local_aws: LocalAws) -> Callable[[Make], RLEstimator]:
    """One ended job for all tests that only look at one."""
    done: list[RLEstimator] = []

    def trained(make: Make) -> RLEstimator:
        if not done:
            done.append(make(hyperparameters={"seed": 7, "note": "a b"}))
            done[0].fit(logs="None")
        return done[0]

    return trained


def test_a_job_gets_its_bundle_inputs_and_hyperparameters(
    make: Make, aws: LocalAws, tmp_path: Path
) -> None:
    folder = tmp_path / "load"
    (folder / "days").mkdir(parents=True)
    (folder / "days" / "a.csv").write_text("1")
    (tmp_path / "one.csv").write_text("2")
    aws.client("s3").put_object(Bucket=BUCKET, Key="given/b.csv", Body=b"3")
    estimator = make(hyperparameters={"seed": 7, "rate": 0.5, "preset": "smoke", "save": True})
    inputs = {
        "load": f"file://{folder}",
        "one": TrainingInput(f"file://{tmp_path}/one.csv", content_type="text/csv"),
        "given": f"s3://{BUCKET}/given/",
    }
    estimator.fit(inputs, logs=False)
    found = report(aws, estimator.model_data)
    assert found["files"] == {"load/days/a.csv": "1", "one/one.csv": "2", "given/b.csv": "3"}
    given = {name: json.loads(text) for name, text in found["hyperparameters"].items()}
    mine = {"seed": 7, "rate": 0.5, "preset": "smoke", "save": True}
    assert {name: given[name] for name in mine} == mine
    assert found["resources"]["current_instance_type"] == "local"
    job = estimator.latest_training_job
    assert job.name.startswith("rl-smoke-2")
    source = f"jobs/{job.name}/source/sourcedir.tar.gz"
    assert set(members(read_object(aws, f"s3://{BUCKET}/{source}"))) == {
        path.name for path in (HERE / "bundle").glob("*.py")
    }
    assert estimator.model_data == f"s3://{BUCKET}/jobs/{job.name}/output/model.tar.gz"


def test_the_lines_of_a_job_are_shown_while_it_runs(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    estimator = make(hyperparameters={"pause": 0.4})
    thread = threading.Thread(target=estimator.fit)
    thread.start()
    while thread.is_alive():
        seen.append(capsys.readouterr().out)
        time.sleep(0.1)
    thread.join()
    seen.append(capsys.readouterr().out)
    lines = "".join(seen).splitlines()
    assert [line for line in lines if line.startswith("episode_reward_mean")] == [
        f"episode_reward_mean: {1.5 * step}" for step in range(1, 5)
    ]
    assert sum("episode_reward_mean" in text for text in seen) > 1


@pytest.mark.parametrize("logs", ["None", ["Rules"]])
def test_a_job_without_its_lines(
    make: Make, capsys: pytest.CaptureFixture[str], logs: object
) -> None:
    estimator = make()
    estimator.fit(logs=logs)
    assert capsys.readouterr().out == ""
    assert estimator.latest_training_job.status == "Completed"


def test_a_failed_job_says_why_in_one_line(make: Make) -> None:
    estimator = make(hyperparameters={"task": "fail"})
    with pytest.raises(JobFailedError) as error:
        estimator.fit(logs=False)
    name = estimator.latest_training_job.name
    assert str(error.value).startswith(
        f"training job {name} failed: AlgorithmError: preset: there is no preset 'x'"
    )
    assert "\n" not in str(error.value)
    with pytest.raises(EstimatorError, match="is Failed and has no model"):
        estimator.model_data  # noqa: B018


def test_a_job_goes_on_after_an_interrupt_and_can_be_attached_to(
    make: Make, aws: LocalAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = make(hyperparameters={"task": "wait"})
    real, calls = Job.describe, []

    def interrupted(job: Job) -> dict:
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(Job, "describe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit()
    monkeypatch.setattr(Job, "describe", real)
    name = estimator.latest_training_job.name
    assert f"RLEstimator.attach('{name}')" in capsys.readouterr().err
    again = RLEstimator.attach(name, wait=False)
    assert again.latest_training_job.status == "InProgress"
    assert again.hyperparameters() == {"task": "wait"}
    deadline = time.monotonic() + 20
    while "waiting" not in capsys.readouterr().out:
        assert time.monotonic() < deadline
        _show(again)
    again.latest_training_job.stop()
    with pytest.warns(UserWarning, match=r"was stopped \(Stopped\): its model is what it had"):
        again.logs()
    assert "partial.txt" in members(read_object(aws, again.model_data))


def _show(estimator: RLEstimator) -> None:
    job = estimator.latest_training_job
    for stream in job.session.client("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job.name}/"
    )["logStreams"]:
        events = job.session.client("logs").get_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream["logStreamName"]
        )["events"]
        print(*(event["message"] for event in events))


def test_a_job_that_is_not_waited_for(make: Make) -> None:
    estimator = make(hyperparameters={"pause": 0.1})
    estimator.fit(wait=False, job_name="not-waited-for")
    job = estimator.latest_training_job
    assert (job.name, job.job_name) == ("not-waited-for", "not-waited-for")
    assert RLEstimator.attach(job.name).latest_training_job.status == "Completed"
    with pytest.raises(EstimatorError, match=r"ResourceInUse.*leave out job_name"):
        estimator.fit(job_name="not-waited-for")


def test_what_attach_gives_back_starts_the_same_job_again(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    first = trained(make)
    again = RLEstimator.attach(first.latest_training_job.name)
    assert again.hyperparameters() == {"seed": 7, "note": "a b"}
    one, two = (each.launch(job_name="same").request for each in (first, again))
    named = "sagemaker_submit_directory"
    assert json.loads(two["HyperParameters"].pop(named)).endswith("/source/sourcedir.tar.gz")
    one["HyperParameters"].pop(named)
    assert two == one
    again.set_hyperparameters(seed=8)
    again.fit(logs=False)
    assert report(aws, again.model_data)["hyperparameters"]["seed"] == "8"
    assert [job.name for job in again.jobs] == [
        first.latest_training_job.name,
        again.latest_training_job.name,
    ]


def test_results_come_to_a_folder_of_this_machine(make: Make, tmp_path: Path) -> None:
    estimator = make(output_path=f"file://{tmp_path}/results")
    estimator.fit(logs=False)
    folder = tmp_path / "results" / estimator.latest_training_job.name / "output"
    assert sorted(path.name for path in folder.iterdir()) == ["model.tar.gz", "output.tar.gz"]
    assert members((folder / "output.tar.gz").read_bytes()) == {"table.csv": b"a,b\n1,2\n"}


def test_code_and_results_go_where_they_are_told(make: Make, aws: LocalAws) -> None:
    estimator = make(
        output_path=f"s3://{BUCKET}/results", code_location=f"s3://{BUCKET}/code/of/mine/"
    )
    estimator.fit(logs=False, job_name="placed")
    assert keys(aws, prefix="code/") == ["code/of/mine/placed/source/sourcedir.tar.gz"]
    assert estimator.model_data == f"s3://{BUCKET}/results/placed/output/model.tar.gz"


def test_the_default_bucket_is_made_where_the_stage_names_none(make: Make, aws: LocalAws) -> None:
    estimator = make(stage="nowhere", image_uri="an/image", toolkit=None, framework=None)
    estimator.fit(logs=False)
    bucket = "sagemaker-us-east-1-123456789012"
    assert estimator.model_data.startswith(f"s3://{bucket}/rl-training-2")
    assert len(keys(aws, bucket)) == 3
    estimator.fit(logs=False)


def test_who_may_not_read_the_stages_parameters_gets_the_default_bucket(
    make: Make, aws: LocalAws
) -> None:
    estimator = make(image_uri="an/image", toolkit=None, framework=None)
    with Stubber(estimator.sagemaker_session.client("ssm")) as stub:
        stub.add_client_error("get_parameter", "AccessDeniedException")
        places = find_places(
            estimator.sagemaker_session, output_path=None, code_location=None, kms_key=None
        )
        assert places.output_path == "s3://sagemaker-us-east-1-123456789012/"
        stub.add_client_error("get_parameter", "AccessDeniedException")
        with pytest.raises(EstimatorError, match=r"or not for these credentials: .*image_uri="):
            make().training_image_uri()
        stub.add_client_error("get_parameter", "InternalServerError")
        with pytest.raises(EstimatorError, match="AWS answers InternalServerError"):
            make().training_image_uri()


def test_a_job_of_sagemakers_types_runs_as_the_request_says(remote: Make, aws: LocalAws) -> None:
    estimator = remote(instance_count=2, use_spot_instances=True, max_run=60, max_wait=90)
    estimator.fit({"load": f"s3://{BUCKET}/"}, logs="Training")
    described = estimator.latest_training_job.describe()
    assert described["ResourceConfig"]["InstanceType"] == "ml.c7i.2xlarge"
    assert described["EnableManagedSpotTraining"] is True
    assert report(aws, estimator.model_data)["resources"]["hosts"] == ["127.0.0.1", "127.0.0.2"]


def test_metrics_come_as_the_sdks_frame(make: Make, trained: Callable[[Make], RLEstimator]) -> None:
    frame = trained(make).training_job_analytics.dataframe()
    assert list(frame.columns) == ["timestamp", "metric_name", "value"]
    assert {"reward-training", "episode_reward_mean"} == set(frame["metric_name"])
    rewards = frame[frame["metric_name"] == "episode_reward_mean"]["value"]
    assert rewards.between(1.5, 6.0).all()


def test_metrics_of_a_job_without_definitions_are_refused(make: Make) -> None:
    estimator = make(metric_definitions=[])
    estimator.fit(logs=False)
    with pytest.raises(EstimatorError, match="defines no metrics"):
        estimator.training_job_analytics  # noqa: B018


def test_the_job_is_a_resource_of_the_sdks_version_3(
    make: Make, trained: Callable[[Make], RLEstimator]
) -> None:
    estimator = trained(make)
    resource = estimator.latest_training_job.resource
    assert resource.training_job_status == "Completed"
    assert resource.model_artifacts.s3_model_artifacts == estimator.model_data


def test_a_job_of_the_workflow_can_be_attached_to(make: Make, aws: LocalAws) -> None:
    """Its hyperparameters are plain texts, and its bundle is named as the CDK names assets."""
    first = make()
    first.fit(logs=False)
    name = first.latest_training_job.name
    asset = f"s3://{BUCKET}/assets/0123abc.gz"
    content = read_object(aws, f"s3://{BUCKET}/jobs/{name}/source/sourcedir.tar.gz")
    aws.client("s3").put_object(Bucket=BUCKET, Key="assets/0123abc.gz", Body=content)
    channel = {"S3DataType": "S3Prefix", "S3Uri": asset}
    aws.client("sagemaker").create_training_job(
        TrainingJobName="rl-training-smoke-0",
        RoleArn="arn:aws:iam::123456789012:role/workflow",
        AlgorithmSpecification={"TrainingImage": "x", "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": asset,
            "preset": "smoke",
            "seed": "3",
        },
        InputDataConfig=[{"ChannelName": "code", "DataSource": {"S3DataSource": channel}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/jobs"},
        ResourceConfig={
            "InstanceCount": 1,
            "InstanceType": "ml.c7i.2xlarge",
            "VolumeSizeInGB": 30,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        EnableManagedSpotTraining=True,
        EnableNetworkIsolation=True,
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/x"},
    )
    again = RLEstimator.attach("rl-training-smoke-0", wait=False)
    assert again.hyperparameters() == {"preset": "smoke", "seed": 3}
    request = again.launch().request
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90}
    assert request["EnableNetworkIsolation"] is True
    assert request["CheckpointConfig"] == {"S3Uri": f"s3://{BUCKET}/checkpoints/x"}
    assert request["InputDataConfig"][-1]["DataSource"]["S3DataSource"]["S3Uri"] == asset
    again.latest_training_job.wait(logs=False)


def test_a_job_belongs_to_an_experiment(remote: Make) -> None:
    experiment = {"ExperimentName": "seeds", "TrialName": "first"}
    request = remote(disable_profiler=True).launch(experiment_config=experiment).request
    assert request["ExperimentConfig"] == experiment
    assert request["ProfilerConfig"] == {"DisableProfiler": True}
    assert "ExperimentConfig" not in remote().launch().request


def test_a_session_of_the_users_own_can_be_local(make: Make) -> None:
    estimator = make(sagemaker_session=boto3.Session())
    assert "InstanceType" not in estimator.launch().request["ResourceConfig"]


def test_a_job_that_runs_no_bundle_is_not_attached_to(aws: LocalAws) -> None:
    aws.client("sagemaker").create_training_job(
        TrainingJobName="of-others",
        RoleArn="arn:aws:iam::123456789012:role/x",
        AlgorithmSpecification={"TrainingImage": "x", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/jobs"},
        ResourceConfig={"InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    with pytest.raises(EstimatorError, match="of-others runs no bundle"):
        RLEstimator.attach("of-others", wait=False)
