"""What tests of endpoints ask of one, and wait for."""

import json

from tests.local_mode.support import SOURCE, wait_for

ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE}


def settled(aws, name: str) -> dict:
    def changed() -> dict | None:
        found = aws.client("sagemaker").describe_endpoint(EndpointName=name)
        return None if found["EndpointStatus"] in ("Creating", "Updating") else found

    return wait_for(changed)


def delete(aws, name: str) -> None:
    client = aws.client("sagemaker")
    client.delete_endpoint(EndpointName=name)

    def gone() -> bool:
        try:
            client.describe_endpoint(EndpointName=name)
        except client.exceptions.ClientError as error:
            return "Could not find endpoint" in str(error)
        return False

    wait_for(gone)


def ask(aws, name: str, **question: object) -> dict:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps(question)
    )
    return json.loads(answer["Body"].read()) | {"variant": answer["InvokedProductionVariant"]}
