"""What no client library sends, and what is left to moto."""

import json
import urllib.error
import urllib.request
from concurrent.futures import Future

import pytest

from local_mode.aws.front import Front

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20261122/us-east-1/{}/aws4_request, Signature=x"


def post(aws, service: str, body: bytes, path: str = "/", **headers: str):
    request = urllib.request.Request(f"{aws.endpoint_url}{path}", body)
    request.add_header("Authorization", SIGNED.format(service))
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize("body", [b"{", b"[]"])
@pytest.mark.parametrize(
    ("service", "target"),
    [("sagemaker", "SageMaker.DescribeEndpoint"), ("states", "AWSStepFunctions.StartExecution")],
)
def test_a_body_that_is_no_object_is_refused(aws, body, service, target):
    status, answer = post(aws, service, body, X_Amz_Target=target)
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_the_runtime_has_errors_of_its_own(aws):
    body = json.dumps({"EndpointName": "x"}).encode()
    status, answer = post(
        aws, "sagemaker", body, "/endpoints/x/invocations", Content_Type="application/json"
    )
    assert (status, answer["__type"]) == (400, "ValidationError")


def test_a_fault_is_an_answer(caplog):
    interpreter: Future[None] = Future()
    interpreter.set_exception(ImportError("moto has moved"))
    front = Front(
        None, api=None, endpoints=None, functions=None, greengrass=None, interpreter=interpreter
    )
    started = []
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": SIGNED.format("states"),
        "HTTP_X_AMZ_TARGET": "AWSStepFunctions.ListStateMachines",
    }
    body = front(environ, lambda status, headers: started.append((status, dict(headers))))
    ((status, headers),) = started
    assert status == "500 Internal Server Error"
    assert headers["x-amzn-ErrorType"] == "InternalFailure"
    assert "moto has moved" in json.loads(b"".join(body))["message"]
    assert "moto has moved" in caplog.text


def test_other_services_are_motos(aws):
    aws.client("sqs").create_queue(QueueName="plain")
    assert "plain" in aws.client("sqs").list_queues()["QueueUrls"][0]
    functions = aws.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName="none")
    experiments = aws.client("sagemaker")
    experiments.create_experiment(ExperimentName="kept-by-moto")
    names = [one["ExperimentName"] for one in experiments.list_experiments()["ExperimentSummaries"]]
    assert names == ["kept-by-moto"]
