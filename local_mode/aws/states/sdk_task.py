"""The task `arn:aws:states:::aws-sdk:...`, put right for SageMaker."""

from typing import Any

from local_mode.aws.states.documents import iso_text, with_times
from local_mode.aws.states.interpreter import find_class

_Base: Any = find_class("StateTaskServiceAwsSdk")


class SdkTask(_Base):  # type: ignore[misc]
    """As moto's, but times in an answer are JSON and SageMaker's errors have their AWS names."""

    @staticmethod
    def _normalise_service_error_name(service_name: str) -> str:
        if service_name.lower() == "sagemaker":
            return "SageMaker"
        name: str = _Base._normalise_service_error_name(service_name)
        return name

    def _eval_service_task(self, env: Any, *arguments: object, **named: object) -> None:  # noqa: ANN401
        super()._eval_service_task(env, *arguments, **named)
        env.stack.append(with_times(env.stack.pop(), iso_text))
