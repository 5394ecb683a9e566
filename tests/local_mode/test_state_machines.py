"""Executions: what of the language the workflow uses, and the ends that AWS would give."""

import json
import time

import pytest

from tests.local_mode.support import (
    BUCKET,
    ROLE,
    end_of_execution,
    end_of_job,
    history,
    job_request,
    start,
    wait_for,
)

SYNC = "arn:aws:states:::sagemaker:createTrainingJob.sync"
INVOKE = "arn:aws:states:::lambda:invoke"
DESCRIBE = "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint"
FAILED = {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}]


@pytest.fixture(scope="module", autouse=True)
def handlers(deploy):
    for name in ("echo", "fail", "flaky", "sleep"):
        deploy(f"states-{name}", f"handlers.{name}", Timeout=20)


def training(name: str, task: str, **members) -> dict:
    request = job_request(name, task)
    return {"Type": "Task", "Resource": SYNC, "Parameters": request, "End": True, **members}


def invocation(name: str, payload: object = None, **members) -> dict:
    parameters = {"FunctionName": f"states-{name}", "Payload": payload or {}}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, "End": True, **members}


def test_the_language_of_the_workflow(aws):
    states = {
        "Plan": {
            "Type": "Pass",
            "Parameters": {
                "name.$": "States.Format('{}-{}', $.name, $$.Execution.Name)",
                "seconds": 0,
                "first": [{"c": 1}],
                "second": [{"c": 2}],
            },
            "ResultPath": "$.plan",
            "Next": "Wait",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.plan.seconds", "Next": "Which?"},
        "Which?": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Variable": "$.name", "StringEquals": "x"},
                        {"Not": {"Variable": "$.absent", "IsPresent": True}},
                        {"Or": [{"Variable": "$.flag", "BooleanEquals": True}]},
                    ],
                    "Next": "Merge",
                }
            ],
            "Default": "Failed",
        },
        "Merge": {
            "Type": "Pass",
            "Parameters": {"all.$": "$.plan['first','second'][*]", "plan.$": "$.plan"},
            "Next": "Echo",
        },
        "Echo": invocation(
            "echo",
            {"plan.$": "$.plan", "all.$": "$.all"},
            ResultSelector={"event.$": "$.Payload.event"},
            ResultPath="$.echo",
            OutputPath="$.echo.event",
            TimeoutSeconds=20,
        ),
        "Failed": FAILED,
    }
    arn = start(aws, "language", states, input={"name": "x", "flag": True}, execution_name="run-1")
    execution = end_of_execution(aws, arn)
    assert execution["status"] == "SUCCEEDED"
    output = json.loads(execution["output"])
    assert output["plan"]["name"] == "x-run-1"
    assert output["all"] == [{"c": 1}, {"c": 2}]


def test_an_execution_without_a_name_gets_a_unique_one(aws):
    arn = start(aws, "nameless", {"Only": {"Type": "Pass", "End": True}})
    name = arn.rpartition(":")[2]
    assert len(name) == 36
    assert end_of_execution(aws, arn)["name"] == name


def test_a_job_runs_in_sync_and_hands_on_its_description(aws):
    job = training(
        "sync-good",
        "learn",
        ResultSelector={
            "name.$": "$.TrainingJobName",
            "model.$": "$.ModelArtifacts.S3ModelArtifacts",
            "created.$": "$.CreationTime",
        },
    )
    arn = start(aws, "sync-good", {"Train": job})
    output = json.loads(end_of_execution(aws, arn)["output"])
    assert output["name"] == "sync-good"
    assert output["model"] == f"s3://{BUCKET}/jobs/sync-good/output/model.tar.gz"
    assert abs(output["created"] / 1000 - time.time()) < 60
    assert [one for one in history(aws, arn) if one.startswith("Task")] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
    ]


def test_a_failed_job_is_retried_under_a_new_name_and_then_caught(aws):
    job = training("x", "fail", Catch=CATCH)
    job["Parameters"]["TrainingJobName.$"] = "States.Format('sync-bad-{}', $$.State.RetryCount)"
    del job["Parameters"]["TrainingJobName"]
    job["Retry"] = [
        {"ErrorEquals": ["SageMaker.ResourceLimitExceededException"], "MaxAttempts": 9},
        {
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 1,
            "MaxAttempts": 1,
            "BackoffRate": 2,
            "MaxDelaySeconds": 600,
            "JitterStrategy": "FULL",
        },
    ]
    execution = end_of_execution(aws, start(aws, "sync-bad", {"Train": job, "Failed": FAILED}))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(execution["cause"])
    assert cause["TrainingJobName"] == "sync-bad-1"
    assert cause["FailureReason"].endswith("exit code: 3")
    assert end_of_job(aws, "sync-bad-0")["TrainingJobStatus"] == "Failed"


def test_a_stopped_job_fails_its_task(aws):
    arn = start(aws, "sync-stopped", {"Train": training("sync-stopped", "stop")})
    sagemaker = aws.client("sagemaker")
    wait_for(lambda: status_of(sagemaker, "sync-stopped") == "Training")
    sagemaker.stop_training_job(TrainingJobName="sync-stopped")
    execution = end_of_execution(aws, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution["cause"])["TrainingJobStatus"] == "Stopped"


def status_of(sagemaker, name: str) -> str:
    try:
        return sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"]
    except sagemaker.exceptions.ClientError:
        return ""


def test_stopping_the_execution_stops_the_job(aws):
    arn = start(
        aws, "aborted", {"Train": training("aborted", "stop", Catch=CATCH), "Failed": FAILED}
    )
    wait_for(lambda: status_of(aws.client("sagemaker"), "aborted") == "Training")
    states = aws.client("stepfunctions")
    states.stop_execution(executionArn=arn, error="Enough", cause="changed my mind")
    execution = states.describe_execution(executionArn=arn)
    assert (execution["status"], execution["error"]) == ("ABORTED", "Enough")
    assert execution["cause"] == "changed my mind"
    assert end_of_job(aws, "aborted")["TrainingJobStatus"] == "Stopped"
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    wait_for(lambda: history(aws, arn)[-1] == "ExecutionAborted")
    assert "TaskSucceeded" not in history(aws, arn)


@pytest.mark.parametrize("limit", [{"TimeoutSeconds": 1}, {"TimeoutSecondsPath": "$.limit"}])
def test_a_task_that_takes_too_long_times_out_and_stops_its_job(aws, limit):
    name = f"late-{next(iter(limit)).lower()}"
    arn = start(aws, name, {"Train": training(name, "stop", **limit)}, input={"limit": 1})
    execution = end_of_execution(aws, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")
    assert end_of_job(aws, name)["TrainingJobStatus"] == "Stopped"


def test_an_execution_that_takes_too_long_times_out(aws):
    arn = start(aws, "late-machine", {"Train": training("late-machine", "stop")}, TimeoutSeconds=1)
    execution = end_of_execution(aws, arn)
    assert execution["status"] == "TIMED_OUT"
    assert execution["stopDate"] > execution["startDate"]
    assert end_of_job(aws, "late-machine")["TrainingJobStatus"] == "Stopped"


def test_missing_buckets_and_taken_names_fail_the_execution(aws):
    job = training("no-bucket", "learn")
    job["Parameters"]["OutputDataConfig"] = {"S3OutputPath": "s3://no-such-bucket-anywhere/x"}
    execution = end_of_execution(aws, start(aws, "no-bucket", {"Train": job}))
    assert execution["error"] == "States.TaskFailed"
    assert "NoSuchBucket" in json.loads(execution["cause"])["FailureReason"]
    again = end_of_execution(aws, start(aws, "taken", {"Train": training("no-bucket", "learn")}))
    assert again["error"] == "SageMaker.ResourceInUseException"
    assert "Error Code: ResourceInUse;" in again["cause"]
    wrong = training("no_underscores", "learn")
    execution = end_of_execution(aws, start(aws, "wrong", {"Train": wrong}))
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ValidationException;" in execution["cause"]


def test_the_account_limits_its_jobs(aws):
    arns = [start(aws, f"many-{n}", {"Train": training(f"many-{n}", "stop")}) for n in range(5)]
    states = aws.client("stepfunctions")

    def refused() -> list[dict]:
        found = [states.describe_execution(executionArn=arn) for arn in arns]
        return [one for one in found if one["status"] == "FAILED"]

    assert wait_for(refused)[0]["error"] == "SageMaker.ResourceLimitExceededException"
    for arn in arns:
        states.stop_execution(executionArn=arn)
    for number in range(5):
        if status_of(aws.client("sagemaker"), f"many-{number}"):
            end_of_job(aws, f"many-{number}")


def test_parameters_of_a_wrong_type_cannot_be_caught(aws):
    job = training("typed", "learn", Catch=CATCH)
    job["Parameters"]["HyperParameters"]["seed"] = {"not": "a string"}
    job["Parameters"]["ResourceConfig"]["InstanceCount"] = "many"
    arn = start(aws, "typed", {"Train": job, "Failed": FAILED})
    execution = end_of_execution(aws, arn)
    assert execution["error"] == "States.Runtime"
    assert "InstanceCount" in execution["cause"]
    assert "FailStateEntered" not in history(aws, arn)


def test_an_exception_of_a_handler_is_the_error_of_its_task(aws):
    states = {"Fail": invocation("fail", Catch=CATCH), "Failed": FAILED}
    execution = end_of_execution(aws, start(aws, "handler-error", states))
    assert (execution["status"], execution["error"]) == ("FAILED", "ValueError")
    cause = json.loads(execution["cause"])
    assert (cause["errorMessage"], cause["errorType"]) == ("no such thing", "ValueError")


def test_a_task_is_tried_again_until_it_succeeds(aws):
    retry = {"ErrorEquals": ["NotYetError"], "IntervalSeconds": 1, "MaxAttempts": 3}
    flaky = invocation(
        "flaky",
        {"succeed_at": 2},
        Retry=[retry | {"JitterStrategy": "FULL"}],
        OutputPath="$.Payload",
    )
    execution = end_of_execution(aws, start(aws, "flaky", {"Flaky": flaky}))
    assert json.loads(execution["output"]) == {"calls": 2}


def test_lambda_refusals_have_the_names_of_aws(aws, deploy):
    unknown = end_of_execution(aws, start(aws, "unknown", {"Call": invocation("unheard-of")}))
    assert unknown["error"] == "Lambda.ResourceNotFoundException"
    deploy("states-throttled", "handlers.echo")
    functions = aws.client("lambda")
    functions.put_function_concurrency(
        FunctionName="states-throttled", ReservedConcurrentExecutions=0
    )
    throttled = end_of_execution(aws, start(aws, "throttled", {"Call": invocation("throttled")}))
    assert throttled["error"] == "Lambda.TooManyRequestsException"


def test_a_stop_reaches_a_retry_delay_and_a_running_handler(aws):
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 300, "MaxAttempts": 3}
    waiting = start(aws, "delayed", {"Fail": invocation("fail", Retry=[retry])})
    sleeping = start(aws, "sleeping", {"Sleep": invocation("sleep", {"seconds": 5})})
    wait_for(lambda: "TaskFailed" in history(aws, waiting))
    wait_for(lambda: "TaskStarted" in history(aws, sleeping))
    for arn in (waiting, sleeping):
        aws.client("stepfunctions").stop_execution(executionArn=arn)
        described = aws.client("stepfunctions").describe_execution(executionArn=arn)
        assert described["status"] == "ABORTED"
    wait_for(lambda: history(aws, waiting)[-1] == "ExecutionAborted", seconds=5)


def test_an_execution_can_be_stopped_as_soon_as_it_has_started(aws):
    arn = start(aws, "at-once", {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}})
    aws.client("stepfunctions").stop_execution(executionArn=arn)
    assert end_of_execution(aws, arn, seconds=5)["status"] == "ABORTED"


def test_the_sdk_integration_describes_an_endpoint(aws):
    call = {"Type": "Task", "Resource": DESCRIBE, "Parameters": {"EndpointName": "none"}}
    states = {"Describe": call | {"Catch": CATCH, "End": True}, "Failed": FAILED}
    execution = end_of_execution(aws, start(aws, "describe", states))
    assert execution["error"] == "SageMaker.SageMakerException"
    assert execution["cause"].startswith("Could not find endpoint")
    other = call | {"Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "End": True}
    other["Parameters"] = {"QueueName": "none"}
    error = end_of_execution(aws, start(aws, "describe-other", {"D": other}))["error"]
    assert error.startswith("sqs.")
    call["Resource"] = "arn:aws:states:::aws-sdk:sagemaker:describeModelPackageGroup"
    call["Parameters"] = {"ModelPackageGroupName": "states-group"}
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName="states-group")
    execution = end_of_execution(aws, start(aws, "describe-times", {"D": call | {"End": True}}))
    assert json.loads(execution["output"])["CreationTime"].endswith("Z")


def test_an_unknown_integration_is_refused_at_creation(aws):
    states = aws.client("stepfunctions")
    for resource in ("sagemaker:createTransformJob.sync", "sagemaker:createModel.sync"):
        task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}
        definition = json.dumps({"StartAt": "A", "States": {"A": task}})
        with pytest.raises(states.exceptions.InvalidDefinition, match="not recognized"):
            states.create_state_machine(name="refused", definition=definition, roleArn=ROLE)


def test_refusals_have_the_names_of_aws(aws):
    states = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    machine = {"name": "named-once", "roleArn": ROLE}
    arn = states.create_state_machine(definition=definition, **machine)["stateMachineArn"]
    assert states.create_state_machine(definition=definition, **machine)["stateMachineArn"] == arn
    with pytest.raises(states.exceptions.StateMachineAlreadyExists):
        states.create_state_machine(definition=definition.replace("A", "B"), **machine)
    with pytest.raises(states.exceptions.InvalidDefinition):
        states.create_state_machine(name="bad", roleArn=ROLE, definition="{}")
    with pytest.raises(states.exceptions.InvalidExecutionInput):
        states.start_execution(stateMachineArn=arn, input="{")
    with pytest.raises(states.exceptions.StateMachineDoesNotExist):
        states.start_execution(stateMachineArn=arn + "x")


def test_a_state_machine_of_cloudformation_executes(aws):
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 7, "End": True}}}
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": "from-template",
            "DefinitionString": json.dumps(definition),
            "RoleArn": ROLE,
        },
    }
    stacks = aws.client("cloudformation")
    stacks.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"M": resource}}))
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:from-template"
    execution = aws.client("stepfunctions").start_execution(stateMachineArn=arn)
    assert end_of_execution(aws, execution["executionArn"])["output"] == "7"


@pytest.mark.slow
def test_the_workflows_own_time_is_short(aws, deploy):
    states = {}
    for number in range(7):
        name = f"quick-{number}"
        if number in (1, 3):
            states[name] = training(name, "checkpoint", ResultPath=None)
        else:
            deploy(f"states-{name}", "handlers.list_buckets", Timeout=20)
            states[name] = invocation(name, ResultPath=None)
        if number < 6:
            del states[name]["End"]
            states[name]["Next"] = f"quick-{number + 1}"
    started = time.monotonic()
    execution = end_of_execution(aws, start(aws, "quick", states))
    assert execution["status"] == "SUCCEEDED"
    assert time.monotonic() - started < 10.0
