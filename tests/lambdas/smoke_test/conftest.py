"""What the tests of the smoke test share: SageMaker stubbed, and an endpoint that is a function."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.lambdas.samples import (
    MODEL,
    Files,
    make_artifact,
)
from tests.lambdas.smoke_test.endpoint import (
    Answer,
    Put,
    Runtime,
)


@pytest.fixture
def sagemaker_stub(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("sagemaker")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def asked(sagemaker_stub: Stubber) -> list[str]:
    """The operations that SageMaker was asked for; a call that no stub expects can be caught."""
    names: list[str] = []
    events = sagemaker_stub.client.meta.events
    events.register(
        "provide-client-params.sagemaker.*", lambda model, **_: names.append(model.name)
    )
    return names


@pytest.fixture
def serve(
    account: None, sagemaker_stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Answer], Runtime]:
    def put_behind_endpoint(answer: Answer) -> Runtime:
        runtime = Runtime(answer)
        clients = {
            "s3": boto3.client("s3"),
            "sagemaker": sagemaker_stub.client,
            "sagemaker-runtime": runtime,
        }
        monkeypatch.setattr("lambdas.smoke_test.client", clients.__getitem__)
        return runtime

    return put_behind_endpoint


@pytest.fixture(params=["observations", "states"])
def takes(
    request: pytest.FixtureRequest,
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
) -> str:
    put(MODEL, make_artifact(artifact_files, manifest | {"input": request.param}))
    return str(request.param)
