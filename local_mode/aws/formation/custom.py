"""Custom resources: their function is invoked, and its answer read where it was told to put it."""

import json
import uuid
from typing import Any

from local_mode.aws.formation.kind import ClientFactory, Properties
from local_mode.deployment import ACCOUNT, REGION

ANSWERS = f"cloudformation-custom-resource-response-{REGION}"
SECONDS = 3600


def answer_custom(
    client: ClientFactory, request: str, identifier: str, properties: Properties
) -> str:
    """Invoke the function of a custom resource, as CloudFormation does.

    Args:
        client: Returns the boto3 client of a service.
        request: `Create`, `Update` or `Delete`.
        identifier: Of the resource.
        properties: Of the resource, with its `ServiceToken`.

    Returns:
        The identifier that the function gave the resource.

    Raises:
        RuntimeError: The function failed, or left no answer.
    """
    s3, key = client("s3"), uuid.uuid4().hex
    s3.create_bucket(Bucket=ANSWERS)
    place = {"Bucket": ANSWERS, "Key": key}
    event: dict[str, Any] = {
        "RequestType": request,
        "ServiceToken": properties["ServiceToken"],
        "ResponseURL": s3.generate_presigned_url("put_object", Params=place, ExpiresIn=SECONDS),
        "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/local/{key}",
        "RequestId": key,
        "LogicalResourceId": identifier,
        "PhysicalResourceId": identifier,
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "ResourceProperties": properties,
    }
    try:
        client("lambda").invoke(
            FunctionName=properties["ServiceToken"], Payload=json.dumps(event).encode()
        )
        answer = json.loads(s3.get_object(**place)["Body"].read())
    finally:
        s3.delete_object(**place)
        s3.delete_bucket(Bucket=ANSWERS)
    if answer["Status"] != "SUCCESS":
        raise RuntimeError(f"Received response status [FAILED]: {answer['Reason']}")
    return str(answer["PhysicalResourceId"])
