"""Endpoints of trained models, and what asks them."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from estimator import EstimatorError, JobFailedError, Predictor, RLEstimator
from estimator.hosting import EndpointSettings, wait_for_endpoint
from estimator.model_check import check_request
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, IMAGE, ROLE

HERE = Path(__file__).parent


class Text:
    """A serializer and deserializer as the SDK's are."""

    CONTENT_TYPE = "text/csv"
    ACCEPT = ("text/csv", "application/json")

    def serialize(self, data: list[int]) -> str:
        return ",".join(map(str, data))

    def deserialize(self, stream: object, content_type: str) -> str:
        return f"{content_type}: {stream.read().decode()}"


@pytest.fixture(scope="module")
def trained(local_aws: LocalAws) -> Callable[[Make], RLEstimator]:
    done: list[RLEstimator] = []

    def trained(make: Make) -> RLEstimator:
        if not done:
            done.append(make(tags={"team": "a"}))
            done[0].fit(logs=False)
        return done[0]

    return trained


def names(aws: LocalAws) -> tuple[int, int, int]:
    """How many models, configurations and endpoints there are, once none is being deleted."""
    client = aws.client("sagemaker")
    deadline = time.monotonic() + 20
    while client.list_endpoints(StatusEquals="Deleting")["Endpoints"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return (
        len(client.list_models()["Models"]),
        len(client.list_endpoint_configs()["EndpointConfigs"]),
        len(client.list_endpoints()["Endpoints"]),
    )


def test_a_model_is_deployed_asked_and_deleted(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    estimator = trained(make)
    predictor = estimator.deploy(initial_instance_count=1, instance_type="local")
    assert predictor.endpoint_name.startswith("rl-cem-2")
    assert predictor.predict({"observations": [[1, 2], [3]]}) == {"actions": [2, 1]}
    assert predictor.predict({"observations": np.zeros((3, 4))}) == {"actions": [4, 4, 4]}
    answer = Predictor(predictor.endpoint_name, None, Text(), Text()).predict([1, 2, 3])
    assert answer == 'application/json: {"kind": "text/csv", "bytes": 5}'
    with pytest.raises(EstimatorError, match=r"AWS answers ModelError: .*no observations"):
        predictor.predict({})
    with pytest.raises(EstimatorError, match=r"the data is no JSON \(set in it\)"):
        predictor.predict({"observations": {1}})
    arn = aws.client("sagemaker").describe_endpoint(EndpointName=predictor.endpoint_name)[
        "EndpointArn"
    ]
    assert aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "team", "Value": "a"}
    ]
    estimator.delete_endpoint()
    assert names(aws) == (0, 0, 0)
    with pytest.raises(EstimatorError, match="it is deleted already"):
        estimator.delete_endpoint()


def test_the_role_of_an_endpoint_may_be_a_name(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    estimator = trained(make)
    predictor = estimator.deploy(1, "local", role="Serving", wait=False)
    described = aws.client("sagemaker").describe_model(ModelName=predictor.endpoint_name)
    assert described["ExecutionRoleArn"].endswith(":role/Serving")
    wait_for_endpoint(predictor.session, predictor.endpoint_name)
    estimator.delete_endpoint()


def test_a_predictor_deletes_what_it_asks(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    predictor = trained(make).deploy(1, "local_gpu", endpoint_name="asked", model_name="behind")
    predictor.delete_endpoint()
    assert names(aws) == (1, 0, 0)
    with pytest.raises(EstimatorError, match="does not know its model"):
        Predictor("asked").delete_model()
    predictor.delete_model()
    assert names(aws) == (0, 0, 0)


def test_an_endpoint_that_does_not_come_up_says_why(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    estimator = trained(make)
    with pytest.raises(JobFailedError, match=r"endpoint .* is Failed: .*delete_endpoint"):
        estimator.deploy(1, "local", entry_point="broken.py")
    estimator.delete_endpoint()
    assert names(aws) == (0, 0, 0)


def test_nothing_is_left_of_an_endpoint_that_cannot_be_made(
    make: Make, trained: Callable[[Make], RLEstimator], aws: LocalAws
) -> None:
    estimator = trained(make)
    estimator.deploy(1, "local", endpoint_name="taken", model_name="first")
    aws.client("sagemaker").delete_endpoint_config(EndpointConfigName="taken")
    with pytest.raises(EstimatorError, match="endpoint taken: AWS answers ValidationException"):
        estimator.deploy(1, "local", endpoint_name="taken", model_name="second")
    assert names(aws) == (1, 0, 1)
    aws.client("sagemaker").delete_endpoint(EndpointName="taken")
    aws.client("sagemaker").delete_model(ModelName="first")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"instance_type": "local"}, "initial_instance_count and instance_type say what serves"),
        ({"instance_type": "ml.m5.large"}, "was trained on this machine, and instance_type is"),
        ({"instance_type": None}, "initial_instance_count and instance_type say what serves"),
        ({"entry_point": "none.py"}, "the bundle has no none.py that could serve"),
        ({"accelerator_type": "x"}, "deploy has no argument 'accelerator_type'"),
        ({"endpoint_name": "a_b"}, "ModelName is 'a_b', which SageMaker refuses"),
        ({"environment": ["A=1"]}, "environment is ['A=1']: write a dict"),
        ({"role": 5}, "role is 5: write a text"),
        ({"tags": [{}]}, "is no tag"),
    ],
)
def test_a_wrong_deployment(
    make: Make,
    trained: Callable[[Make], RLEstimator],
    aws: LocalAws,
    arguments: dict,
    said: str,
) -> None:
    given = {"initial_instance_count": 1, "instance_type": "local"} | arguments
    if arguments == {"instance_type": "local"}:
        del given["initial_instance_count"]
    with pytest.raises(EstimatorError) as error:
        trained(make).deploy(**given)
    assert said in str(error.value)
    assert names(aws) == (0, 0, 0)


SETTINGS = {
    "name": "e",
    "model_name": "m",
    "role": ROLE,
    "image_uri": IMAGE,
    "model_data": f"s3://{BUCKET}/model.tar.gz",
    "program": "serve.py",
    "source_s3_uri": f"s3://{BUCKET}/sourcedir.tar.gz",
    "instance_type": "ml.m5.large",
    "instance_count": 2,
}


def test_the_requests_of_an_isolated_endpoint_in_a_network() -> None:
    settings = EndpointSettings(
        **SETTINGS,
        isolated=True,
        environment={"A": "1"},
        network={"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        kms_key="key",
        variant={"VolumeSizeInGB": 50},
        data_capture={
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    settings.check()
    model = settings.model()
    assert model["EnableNetworkIsolation"] is True
    container = model["PrimaryContainer"]
    assert container["Environment"] == {
        "A": "1",
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/sourcedir.tar.gz",
    }
    (source,) = container["AdditionalModelDataSources"]
    assert source["ChannelName"] == "code"
    (variant,) = settings.configuration()["ProductionVariants"]
    assert (variant["InstanceType"], variant["VolumeSizeInGB"]) == ("ml.m5.large", 50)
    check_request("CreateEndpointConfig", settings.configuration())


def test_the_request_of_a_serverless_endpoint() -> None:
    settings = EndpointSettings(
        **SETTINGS | {"instance_type": None, "instance_count": None},
        variant={"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}},
    )
    settings.check()
    (variant,) = settings.configuration()["ProductionVariants"]
    assert not {"InstanceType", "InitialInstanceCount"} & set(variant)


def test_an_instance_type_that_serves_nothing() -> None:
    settings = EndpointSettings(**SETTINGS | {"instance_type": "ml.m5.larg"})
    with pytest.raises(EstimatorError, match=r"there is no 'ml\.m5\.larg': did you mean"):
        settings.check()
