"""The task `arn:aws:states:::sagemaker:...`, which moto's interpreter does not have."""

import json
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ParamValidationError

from local_mode.aws.protocol import Document
from local_mode.aws.states.documents import milliseconds, with_times
from local_mode.aws.states.interpreter import find_class
from local_mode.aws.training.service import TrainingJobs

_Callback: Any = find_class("StateTaskServiceCallback")
_Sync = find_class("ResourceCondition").Sync
_TRAINING = "createTrainingJob"
_ACTIONS = {
    _TRAINING: "create_training_job",
    "createModel": "create_model",
    "createEndpointConfig": "create_endpoint_config",
    "createEndpoint": "create_endpoint",
    "updateEndpoint": "update_endpoint",
}
# The errors that SageMaker's model names; every other one is the service's general exception.
_MODELLED = ("ConflictException", "ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound")
_POLL_SECONDS = 0.2


class SageMakerTask(_Callback):  # type: ignore[misc]
    """Creates SageMaker resources; `createTrainingJob.sync` waits for the job and ends with it."""

    def __init__(self, jobs: TrainingJobs, client: BaseClient) -> None:
        super().__init__(supported_integration_patterns={_Sync})
        self._jobs = jobs
        self._client = client

    def _validate_service_integration_is_supported(self) -> None:
        action, condition = self.resource.api_action, self.resource.condition
        waits = condition == _Sync and action == _TRAINING
        if action not in _ACTIONS or not (condition is None or waits):
            arn = self.resource.resource_arn
            raise ValueError(f"The resource provided {arn} is not recognized.")

    def _eval_service_task(
        self,
        env: Any,  # noqa: ANN401
        resource_runtime_part: object,
        normalised_parameters: Document,
        state_credentials: object,
    ) -> None:
        call = getattr(self._client, _ACTIONS[self.resource.api_action])
        answer = call(**normalised_parameters)
        answer.pop("ResponseMetadata", None)
        env.stack.append(answer)

    def _after_eval_execution(
        self,
        env: Any,  # noqa: ANN401
        resource_runtime_part: object,
        normalised_parameters: Document,
        state_credentials: object,
    ) -> None:
        if self.resource.condition is not None:
            self._record_submission(env)
            env.stack.pop()
            env.stack.append(self._wait(env, normalised_parameters["TrainingJobName"]))
            if not env.is_running():
                # Stopped or timed out: the task has neither succeeded nor failed.
                return
        # Not super(): the parent's own waiting is what this class replaces.
        find_class("StateTaskService")._after_eval_execution(
            self, env, resource_runtime_part, normalised_parameters, state_credentials
        )

    def _wait(self, env: Any, name: str) -> Document | None:  # noqa: ANN401
        job = self._jobs.find(name)
        while env.is_running():
            if job.ended.wait(_POLL_SECONDS):
                document: Document = with_times(job.describe(), milliseconds)
                if job.status == "Completed":
                    return document
                raise self._failure(env, "States.TaskFailed", json.dumps(document))
        job.request_stop()
        return None

    def _from_error(self, env: Any, ex: Exception) -> Any:  # noqa: ANN401
        if isinstance(ex, ParamValidationError):
            return self._failure(env, "States.Runtime", str(ex)).failure_event
        if isinstance(ex, ClientError):
            return self._failure(env, *describe_error(ex)).failure_event
        return super()._from_error(env=env, ex=ex)

    def _failure(self, env: Any, error: str, cause: str) -> Any:  # noqa: ANN401
        details = {
            "resource": self._get_sfn_resource(),
            "resourceType": self._get_sfn_resource_type(),
            "error": error,
            "cause": cause,
        }
        event = find_class("FailureEvent")(
            env=env,
            error_name=_error_name(error),
            event_type=find_class("HistoryEventType").TaskFailed,
            event_details=find_class("EventDetails")(taskFailedEventDetails=details),
        )
        return find_class("FailureEventException")(event)

    def _record_submission(self, env: Any) -> None:  # noqa: ANN401
        details = {
            "resource": self._get_sfn_resource(),
            "resourceType": self._get_sfn_resource_type(),
            "output": json.dumps(env.stack[-1]),
            "outputDetails": {"truncated": False},
        }
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=find_class("HistoryEventType").TaskSubmitted,
            event_details=find_class("EventDetails")(taskSubmittedEventDetails=details),
        )


def _error_name(error: str) -> object:
    kinds = find_class("StatesErrorNameType")
    for kind in (kinds.StatesTaskFailed, kinds.StatesRuntime):
        if kind.to_name() == error:
            return find_class("StatesErrorName")(typ=kind)
    return find_class("CustomErrorName")(error)


def describe_error(error: ClientError) -> tuple[str, str]:
    """Return error name and cause of a SageMaker error, as the optimised integration has them."""
    code = error.response["Error"]["Code"]
    name = "AmazonSageMakerException"
    if code in _MODELLED:
        name = code if code.endswith("Exception") else f"{code}Exception"
    metadata = error.response["ResponseMetadata"]
    cause = (
        f"{error.response['Error']['Message']} (Service: AmazonSageMaker; Status Code: "
        f"{metadata['HTTPStatusCode']}; Error Code: {code}; Request ID: "
        f"{metadata.get('RequestId', '')}; Proxy: null)"
    )
    return f"SageMaker.{name}", cause
