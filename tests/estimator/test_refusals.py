"""Mistakes in the call: one line with the remedy, and nothing is uploaded or started."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

import train
from estimator import EstimatorError, InstanceGroup, RLEstimator
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, IMAGE, ROLE, jobs, keys

HERE = Path(__file__).parent
GROUP = InstanceGroup("actors", "ml.c7i.2xlarge", 2)


@pytest.fixture(scope="module", autouse=True)
def nothing_happens(local_aws: LocalAws) -> Iterator[None]:
    """Fail at the end if anything was uploaded or started: to look costs more than a test."""

    def there() -> set[str]:
        buckets = local_aws.client("s3").list_buckets()["Buckets"]
        return {*keys(local_aws), *jobs(local_aws), *(each["Name"] for each in buckets)}

    before = there()
    yield
    assert there() == before


def refusal(make: Make, inputs: object = None, fit: dict | None = None, **arguments: object) -> str:
    with pytest.raises(EstimatorError) as error:
        make(**arguments).fit(inputs, **(fit or {}))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"role": None}, "role is missing: write the ARN or the name of a role"),
        ({"role": "arn:aws:iam::123456789012:user/me"}, "is no ARN of a role: write arn:aws:iam"),
        ({"role": "no-such-role"}, "role: 'no-such-role' is looked up as the name of a role: AWS"),
        ({"toolkit": "sb33"}, "there is no toolkit 'sb33': did you mean 'sb3'?"),
        ({"toolkit": "q"}, "choose one of cem, coach, hindsight, ray, sb3"),
        ({"framework": "torch"}, "there is no framework 'torch': did you mean 'pytorch'?"),
        ({"framework": "pytorch"}, "the toolkit cem runs on numpy: write framework='numpy'"),
        ({"toolkit": "ray", "framework": "pytorch"}, "ray without toolkit_version is not there"),
        (
            {"toolkit": "ray", "framework": "pytorch", "toolkit_version": "2.40"},
            "ray 2.40 is not there: this project's image has no ray",
        ),
        (
            {"toolkit": "ray", "framework": "mxnet", "toolkit_version": "1.6.0"},
            "ray 1.6.0 needs a framework: write framework= one of pytorch, tensorflow",
        ),
        ({"image_uri": IMAGE}, "image_uri and toolkit, framework both choose the image"),
        ({"toolkit": None, "framework": None}, "nothing chooses the image: write toolkit='cem'"),
        ({"instance_type": None}, "nothing says where to train: write instance_type='local'"),
        ({"instance_type": "ml.c7i.2xlarg"}, "there is no 'ml.c7i.2xlarg': did you mean"),
        ({"instance_type": "laptop"}, "instance_type: there is no 'laptop'"),
        ({"instance_count": 0}, "instance_count is 0: write 1 or more"),
        ({"instance_groups": [GROUP]}, "both describe the cluster: leave out one of the two"),
        (
            {"instance_type": None, "instance_groups": [InstanceGroup("a", "ml.no", 1)]},
            "instance_groups: there is no 'ml.no'",
        ),
        ({"use_spot_instances": True}, "max_wait is None and max_run 86400 seconds"),
        (
            {"use_spot_instances": True, "max_run": 100, "max_wait": 99},
            "max_wait is 99 and max_run 100 seconds: a spot job's max_wait counts",
        ),
        ({"max_wait": 100}, "max_wait is only for spot instances"),
        (
            {
                "use_spot_instances": True,
                "max_run": 9,
                "max_wait": 9,
                "keep_alive_period_in_seconds": 60,
            },
            "spot instances cannot be kept for the next job",
        ),
        ({"subnets": ["subnet-1"]}, "subnets and security_group_ids only work together"),
        (
            {"subnets": "subnet-1", "security_group_ids": ["sg-1"]},
            "subnets is a text: write a list",
        ),
        ({"entry_point": "trian.py"}, "holds no trian.py at its root, it has broken.py, serve.py"),
        ({"entry_point": "../test_request.py"}, "at its root"),
        ({"source_dir": "no-such-folder"}, "source_dir: there is no folder no-such-folder"),
        ({"source_dir": None}, "entry_point: there is no file train.py"),
        ({"source_dir": "s3://bucket/folder"}, "is no archive: write s3://BUCKET/…/sourcedir"),
        ({"dependencies": ["no-such"]}, "dependencies: there is no no-such"),
        ({"hyperparameters": {"layers": [1]}}, "hyperparameters: layers is of type list"),
        ({"tags": [{"team": "a"}]}, "tags: {'team': 'a'} is no tag"),
        ({"output_path": "bucket/prefix"}, "output_path: 'bucket/prefix' is no address in S3"),
        ({"output_path": "file:///tmp/x"}, "only instance_type='local' can write to"),
        ({"output_path": "s3://no-such-bucket-1/x"}, "output_path: there is no bucket no-such-b"),
        ({"checkpoint_s3_uri": "s3://no-such-bucket-2"}, "checkpoint_s3_uri: there is no bucket"),
        ({"base_job_name": "a_b"}, "TrainingJobName is 'a_b-"),
        ({"volume_size": "30"}, "volume_size is '30': write a whole number"),
        ({"environment": {"A": 1}}, "Invalid type for parameter Environment.A"),
        ({"project": "other"}, "there is no SSM parameter /other/dev/image-uri in us-east-1"),
        ({"stagee": "dev"}, "RLEstimator has no argument 'stagee': did you mean 'stage'?"),
        ({"rules": []}, "rules has no use here"),
        ({"debugger_hook_config": {}, "git_config": {}}, "git_config has no use here: clone"),
        ({"debugger_hook_config": True}, "debugger_hook_config has no use here"),
        ({"sagemaker_session": "us-east-1"}, "sagemaker_session is of type str: pass a boto3"),
    ],
)
def test_a_wrong_argument(remote: Make, arguments: dict, said: str) -> None:
    # Without a bucket of the stage's, the default one is only made once everything else is right.
    assert said in refusal(remote, **arguments)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("load.csv", "channel training is 'load.csv': write s3://BUCKET/PREFIX, file://FOLDER"),
        ({"load": 3}, "channel load is 3"),
        ({"load": "file:///no/such"}, "channel load: there is no file at /no/such"),
        ({"load": "s3://no-such-bucket-3/x"}, "inputs: channel load: there is no bucket"),
        ({"lo ad": f"s3://{BUCKET}/x"}, "ChannelName is 'lo ad'"),
    ],
)
def test_a_wrong_input(remote: Make, inputs: object, said: str) -> None:
    assert said in refusal(remote, inputs)


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ({"logs": "all"}, "logs: there is no 'all': did you mean 'All'?"),
        ({"logs": 3}, "logs is 3: write one of All, None, Training, Rules"),
        ({"job_name": "a" * 64}, "TrainingJobName has 64 characters"),
    ],
)
def test_a_wrong_call_of_fit(remote: Make, fit: dict, said: str) -> None:
    assert said in refusal(remote, fit=fit)


def test_a_bucket_of_another_region(remote: Make, local_aws: LocalAws) -> None:
    bucket = "estimator-tests-in-europe"
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    try:
        said = refusal(remote, output_path=f"s3://{bucket}/jobs")
    finally:
        s3.delete_bucket(Bucket=bucket)
    assert (
        f"output_path: the bucket {bucket} lies in eu-west-1 and the job runs in us-east-1" in said
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "the preset hindsight-autoscaling trains with hindsight, and toolkit is 'cem'"),
        (
            {
                "toolkit": "hindsight",
                "checkpoint_s3_uri": f"s3://{BUCKET}/checkpoints",
                "checkpoint_local_path": "/opt/ml/ckpts",
            },
            "but train.py writes its checkpoints to /opt/ml/checkpoints: leave it out",
        ),
    ],
)
def test_what_the_projects_bundle_does_by_itself(
    remote: Make, arguments: dict[str, str], said: str
) -> None:
    bundle = Path(train.__file__).parent
    assert said in refusal(remote, source_dir=str(bundle), hyperparameters={}, **arguments)


def test_a_preset_of_another_toolkit(remote: Make, tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "deep.toml").write_text('toolkit = "sb3"\n')
    arguments = {"source_dir": str(tmp_path), "hyperparameters": {"preset": "deep"}}
    said = refusal(remote, **arguments)
    assert "the preset deep trains with sb3, and toolkit is 'cem': write toolkit='sb3'" in said


@pytest.mark.parametrize(
    ("preset", "said"),
    [("smok", "has no preset 'smok': did you mean 'smoke'?"), ("nothing like it", "choose one of")],
)
def test_a_preset_that_is_not_there(remote: Make, preset: str, said: str) -> None:
    source = str(HERE.parents[1] / "training_src")
    assert said in refusal(remote, source_dir=source, hyperparameters={"preset": preset})
    # A path may come through a channel.
    assert remote(source_dir=source, hyperparameters={"preset": "mine.toml"}).launch().request


def test_a_legacy_toolkit_on_this_machine(make: Make) -> None:
    with pytest.warns(UserWarning, match="AWS's old ones"):
        said = refusal(make, toolkit="coach", toolkit_version="1.0.0", framework="tensorflow")
    assert "instance_type='local' runs the bundle as processes of this machine" in said


def test_a_session_of_aws_for_a_job_on_this_machine(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    session = boto3.Session(region_name="us-east-1")
    said = refusal(make, sagemaker_session=session)
    assert "sagemaker_session talks to AWS and instance_type is 'local'" in said


def test_a_missing_region(remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "no region is set: set AWS_REGION" in refusal(remote)


def test_a_profile_that_is_not_there(remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert "no session of AWS: The config profile (no-such-profile)" in refusal(remote)


def test_credentials_that_are_not_there(remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "AWS cannot be asked: Unable to locate credentials" in refusal(remote)


def test_a_job_that_was_never_started(make: Make) -> None:
    for act in ("deploy", "logs"):
        with pytest.raises(EstimatorError, match=r"no job was started yet: call fit\(\)"):
            getattr(make(), act)()
    with pytest.raises(EstimatorError, match=r"deploy\(\) made no endpoint yet"):
        make().delete_endpoint()


def test_attaching_to_a_job_that_is_not_there(aws: LocalAws) -> None:
    with pytest.raises(EstimatorError, match="training job nowhere: AWS answers"):
        RLEstimator.attach("nowhere")


def test_a_role_by_its_name(remote: Make, local_aws: LocalAws) -> None:
    iam = local_aws.client("iam")
    iam.create_role(RoleName="named", AssumeRolePolicyDocument="{}")
    try:
        assert remote(role="named").launch().request["RoleArn"].endswith(":role/named")
        assert remote(role=ROLE).launch().request["RoleArn"] == ROLE
    finally:
        iam.delete_role(RoleName="named")
