"""An endpoint as the smoke test meets it: what it answers, and what SageMaker says of it."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tests.lambdas.samples import (
    MODEL,
    VARIABLES,
    golden_actions,
)

Put = Callable[[str, bytes], None]
Answer = Callable[[dict[str, Any]], Any]

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
CONFIG = "rl-dev-b"
EVENT = {
    "execution_id": "0123456789ab",
    "model_s3_uri": MODEL,
    "endpoint_name": ENDPOINT,
    "config_name": CONFIG,
    "previous_config_name": "old",
}
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-dev/3"


class Runtime:
    """Stands for the sagemaker-runtime client; the endpoint behind it is a function."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        assert request["EndpointName"] == ENDPOINT
        assert request["ContentType"] == "application/json"
        body = json.loads(request["Body"])
        self.bodies.append(body)
        answer = self.answer(body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return {"Body": StreamingBody(io.BytesIO(data), len(data))}


def right(body: dict[str, Any]) -> dict[str, Any]:
    if "observations" in body:
        observations = np.array(body["observations"], np.float32)
        return {"actions": golden_actions(observations).tolist(), "model_version": "1"}
    desired = [state["active"] + sum(state["pending"]) + 2 for state in body["states"]]
    return {"actions": [2] * 3, "desired": desired, "memory": [""] * 3, "model_version": "1"}


def wrong(**change: Any) -> Answer:
    return lambda body: right(body) | change


def in_service(
    stubber: Stubber, status: str = "InService", config: str = CONFIG, **more: Any
) -> None:
    description = {
        "EndpointName": ENDPOINT,
        "EndpointArn": ARN,
        "EndpointConfigName": config,
        "EndpointStatus": status,
        "CreationTime": 0,
        "LastModifiedTime": 0,
        **more,
    }
    stubber.add_response("describe_endpoint", description, {"EndpointName": ENDPOINT})


def goes_back(stubber: Stubber) -> None:
    stubber.add_response(
        "update_endpoint",
        {"EndpointArn": ARN},
        {"EndpointName": ENDPOINT, "EndpointConfigName": "old"},
    )
