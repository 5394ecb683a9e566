"""Every private name of moto's Step Functions interpreter that is touched, by one list.

The interpreter promises nothing about these names, and half of it has no types: they are looked up
here, so that the rest of the room deals with plain values, and the canary tests walk the same list.
"""

import importlib
from typing import Any

_PARSER = "moto.stepfunctions.parser"
_ASL = f"{_PARSER}.asl"
_ERRORS = f"{_ASL}.component.common.error_name"
_TASKS = f"{_ASL}.component.state.exec.state_task"

CLASSES = {
    "CustomErrorName": f"{_ERRORS}.custom_error_name",
    "Environment": f"{_ASL}.eval.environment",
    "ErrorEqualsDecl": f"{_ERRORS}.error_equals_decl",
    "ErrorName": f"{_ERRORS}.error_name",
    "EventDetails": f"{_ASL}.eval.event.event_detail",
    "Execution": f"{_PARSER}.backend.execution",
    "ExecutionStatus": f"{_PARSER}.api",
    "ExecutionWorker": f"{_PARSER}.backend.execution_worker",
    "FailureEvent": f"{_ERRORS}.failure_event",
    "FailureEventException": f"{_ERRORS}.failure_event",
    "HistoryEventType": f"{_PARSER}.api",
    "JitterStrategyDecl": f"{_ASL}.component.common.retry.jitter_strategy_decl",
    "ProgramRunning": f"{_ASL}.eval.program_state",
    "ProgramStopped": f"{_ASL}.eval.program_state",
    "ProgramTimedOut": f"{_ASL}.eval.program_state",
    "ResourceCondition": f"{_TASKS}.service.resource",
    "StateMachineAlreadyExists": f"{_PARSER}.api",
    "StateTaskService": f"{_TASKS}.service.state_task_service",
    "StateTaskServiceAwsSdk": f"{_TASKS}.service.state_task_service_aws_sdk",
    "StateTaskServiceCallback": f"{_TASKS}.service.state_task_service_callback",
    "StatesErrorName": f"{_ERRORS}.states_error_name",
    "StatesErrorNameType": f"{_ERRORS}.states_error_name_type",
    "StepFunctionResponse": "moto.stepfunctions.responses",
    "StepFunctionsParserBackend": f"{_PARSER}.models",
}
"""Class names, and the modules that hold them."""

METHODS = {
    "Environment": ("is_running", "program_state", "set_error"),
    "ErrorEqualsDecl": ("_eval_body",),
    "Execution": ("stop",),
    "ExecutionWorker": ("_execution_logic",),
    "JitterStrategyDecl": ("_eval_body",),
    "StateTaskService": (
        "_after_eval_execution",
        "_eval_service_task",
        "_from_error",
        "_get_sfn_resource",
        "_get_sfn_resource_type",
        "_validate_service_integration_is_supported",
    ),
    "StateTaskServiceAwsSdk": ("_eval_service_task", "_normalise_service_error_name"),
    "StepFunctionsParserBackend": ("create_state_machine",),
    "StepFunctionResponse": (
        "_get_param",
        "describe_execution",
        "stepfunction_backend",
        "stop_execution",
    ),
}
"""Methods of these classes that are called or replaced."""

MODULE_ATTRIBUTES = {
    "CustomErrorName": f"{_ASL}.component.state.fail.state_fail",
    "state_task_service_for": f"{_TASKS}.state_task_factory",
    "stepfunctions_backends": "moto.stepfunctions.models",
    "stepfunctions_parser_backends": f"{_PARSER}.models",
}
"""Attributes of modules that are read or replaced."""


def find_class(name: str) -> Any:  # noqa: ANN401 - a class without types
    """Return a class of `CLASSES`."""
    return getattr(importlib.import_module(CLASSES[name]), name)


def module_of(attribute: str) -> Any:  # noqa: ANN401 - a module without types
    """Return the module that holds an attribute of `MODULE_ATTRIBUTES`."""
    return importlib.import_module(MODULE_ATTRIBUTES[attribute])
