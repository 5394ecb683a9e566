"""Lambda functions: the deployed zip in a local process, by AWS's own runtime client."""

import base64
import json
import threading

import boto3
import pytest
from botocore.config import Config

from tests.local_mode.support import log_lines, wait_for

CREDENTIALS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local-mode",
    "aws_secret_access_key": "local-mode",
}
ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def functions(aws):
    return aws.client("lambda")


def invoke(functions, name: str, event: object = None, **members: object):
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **members)
    return answer, json.loads(answer["Payload"].read())


def test_a_handler_runs_as_on_aws(functions, deploy):
    variables = {"Variables": {"PLACE": "here"}}
    arn = deploy("echo", "handlers.echo", Environment=variables, Timeout=30, MemorySize=256)
    answer, result = invoke(functions, "echo", {"a": 1})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert (result["event"], result["name"], result["arn"]) == ({"a": 1}, "echo", arn)
    assert 20_000 < result["left"] <= 30_000
    environment = result["environment"]
    assert environment["PLACE"] == "here"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/echo"
    assert environment["_HANDLER"] == "functions.handlers.echo"
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "PYTEST_CURRENT_TEST" not in environment
    _, again = invoke(functions, arn)
    assert again["pid"] == result["pid"]


def test_a_changed_function_gets_a_new_process(functions, deploy):
    deploy("changing", "handlers.echo")
    _, before = invoke(functions, "changing")
    functions.update_function_configuration(
        FunctionName="changing", Environment={"Variables": {"PLACE": "there"}}
    )
    _, after = invoke(functions, "changing")
    assert after["pid"] != before["pid"]
    assert after["environment"]["PLACE"] == "there"


def test_the_log_has_what_the_handler_printed(aws, functions, deploy):
    deploy("talkative", "handlers.echo")
    answer, _ = invoke(functions, "talkative", "hello", LogType="Tail")
    assert "echo hello" in base64.b64decode(answer["LogResult"]).decode()
    lines = log_lines(aws, "/aws/lambda/talkative")
    kinds = [line.split()[0] for line in lines]
    assert kinds == ["INIT_START", "START", "echo", "END", "REPORT"]


def test_an_exception_is_a_function_error(aws, functions, deploy):
    deploy("failing", "handlers.fail")
    answer, error = invoke(functions, "failing")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such thing")
    assert "handlers.py" in "".join(error["stackTrace"])
    message = next(one for one in log_lines(aws, "/aws/lambda/failing") if "ValueError" in one)
    assert message.startswith("[ERROR] ValueError: no such thing\nTraceback")


def test_the_timeout_is_enforced(functions, deploy):
    deploy("slow", "handlers.sleep", Timeout=1)
    answer, error = invoke(functions, "slow", {"seconds": 30})
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    _, result = invoke(functions, "slow", {"seconds": 0})
    assert result == "slept"


def test_a_process_that_ends_is_a_function_error(functions, deploy):
    deploy("crashing", "handlers.crash")
    answer, error = invoke(functions, "crashing")
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("exit status 9")


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("broken.handler", "Runtime.ImportModuleError"),
        ("handlers.nothing", "Runtime.HandlerNotFound"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_a_function_error(functions, deploy, handler, kind):
    name = handler.replace(".", "-")
    deploy(name, handler)
    for _ in range(2):
        answer, error = invoke(functions, name)
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] == kind


def test_a_handler_reaches_the_local_aws(functions, deploy):
    deploy("client", "handlers.list_buckets", Timeout=30)
    assert "local-mode-tests" in invoke(functions, "client")[1]


def test_invocations_at_a_time_have_processes_of_their_own(functions, deploy):
    deploy("parallel", "handlers.sleep", Timeout=30)
    results = []

    def run() -> None:
        results.append(invoke(functions, "parallel", {"seconds": 0.5})[1])

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["slept", "slept"]


def test_reserved_concurrency_throttles(aws, functions, deploy):
    deploy("throttled", "handlers.echo")
    functions.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    # botocore would try again for seconds.
    functions = boto3.client("lambda", **CREDENTIALS, endpoint_url=aws.endpoint_url, config=ONCE)
    with pytest.raises(functions.exceptions.TooManyRequestsException, match=r"Rate Exceeded"):
        functions.invoke(FunctionName="throttled", Payload=b"{}")
    functions.close()


def test_the_other_kinds_of_invocation(aws, functions, deploy):
    deploy("kinds", "handlers.echo")
    for _ in range(2):
        dry = functions.invoke(FunctionName="kinds", InvocationType="DryRun")
        assert dry["StatusCode"] == 204
    # A dry run warms the function up: no second process is started for the event.
    wait_for(lambda: lines_if_any(aws, "/aws/lambda/kinds"))
    event = functions.invoke(FunctionName="kinds", InvocationType="Event", Payload=b'"later"')
    assert event["StatusCode"] == 202
    wait_for(lambda: "echo later" in lines_if_any(aws, "/aws/lambda/kinds"))
    lines = lines_if_any(aws, "/aws/lambda/kinds")
    assert sum(line.startswith("INIT_START") for line in lines) == 1


def lines_if_any(aws, group: str) -> list[str]:
    try:
        return log_lines(aws, group)
    except aws.client("logs").exceptions.ResourceNotFoundException:
        return []


def test_what_cannot_run_is_refused(functions, deploy):
    deploy("foreign", "handlers.echo")
    deploy("native", "handlers.echo")
    functions.update_function_configuration(FunctionName="foreign", Runtime="nodejs22.x")
    with pytest.raises(functions.exceptions.InvalidRuntimeException, match="does not run here"):
        functions.invoke(FunctionName="foreign")
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found"):
        functions.invoke(FunctionName="unheard-of")
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.invoke(FunctionName="native", Payload=b" " * (6 * 1024**2 + 1))
