"""One local AWS for all tests that need one: starting it takes seconds."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_mode.greengrass.device import Device, register
from local_mode.local_aws import LocalAws
from local_mode.packing import tar_gz, zip_package
from tests.local_mode.endpoints import ENVIRONMENT, delete, settled
from tests.local_mode.greengrass import publish_version, recipe
from tests.local_mode.support import BUCKET, IMAGE, ROLE, archive

HERE = Path(__file__).parent
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("local-aws")
    options = ("--stop-grace=1", "--startup-limit=3", "--max-training-jobs=4")
    with LocalAws(
        state_dir=folder / "state", cache_dir=folder / "cache", options=options
    ) as started:
        s3 = started.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        started.client("iam").create_role(RoleName="tests", AssumeRolePolicyDocument=TRUST)
        bundle = tar_gz(HERE / "bundle")
        s3.put_object(Bucket=BUCKET, Key="source/sourcedir.tar.gz", Body=bundle)
        yield started


@pytest.fixture(scope="session")
def deploy(aws: LocalAws) -> Callable[..., str]:
    """Deploy a handler of the test functions under a name; return the ARN."""
    code = zip_package(HERE / "functions")

    def deploy(name: str, handler: str, **members: object) -> str:
        return aws.client("lambda").create_function(
            FunctionName=name,
            Role=ROLE,
            Runtime="python3.12",
            Handler=f"functions.{handler}",
            Code={"ZipFile": code},
            **members,
        )["FunctionArn"]

    return deploy


@pytest.fixture
def group(aws: LocalAws) -> str:
    """The name of a thing group without things."""
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    return name


@pytest.fixture
def component() -> str:
    """The name of a component that nobody else has."""
    return f"com.example.{uuid.uuid4().hex}"


@pytest.fixture
def publish(aws: LocalAws, component: str) -> Callable[..., str]:
    """Publish a version with a recipe's members and wait for its state; return its ARN."""

    def publish(*given: str, state: str = "DEPLOYABLE", **changes: Any) -> str:
        return publish_version(aws, recipe(component, *given, **changes), state)

    return publish


@pytest.fixture(params=["lite"])
def device(
    aws: LocalAws, group: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Device]:
    """A device of the group that waits for deployments."""
    thing = f"{group}-1"
    register(aws.client, thing, group)
    folder, profile = tmp_path / "device", request.param
    with Device(aws.client, thing, folder, profile=profile, settle_seconds=0.3) as device:
        yield device


@pytest.fixture
def sagemaker(aws: LocalAws) -> Any:
    """A SageMaker client."""
    return aws.client("sagemaker")


@pytest.fixture
def config(aws: LocalAws, sagemaker: Any) -> Callable[..., str]:
    """Create an endpoint configuration whose one model has the behaviour named."""

    def config(name: str, mode: str = "ok") -> str:
        behaviour = json.dumps({"mode": mode, "version": name})
        key = f"models/{name}/model.tar.gz"
        content = archive({"behaviour.json": behaviour})
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/{key}",
                "Environment": ENVIRONMENT,
            },
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.c7i.large",
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    return config


@pytest.fixture
def endpoint(
    aws: LocalAws, sagemaker: Any, config: Callable[..., str]
) -> Iterator[Callable[[str], str]]:
    """Create an endpoint in service; delete it at the end."""
    created: list[str] = []

    def endpoint(name: str) -> str:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config(f"{name}-1"))
        created.append(name)
        assert settled(aws, name)["EndpointStatus"] == "InService"
        return name

    yield endpoint
    for name in created:
        delete(aws, name)
