"""Where moto's interpreter differs from AWS in ways that the workflow would notice.

Each function replaces one method of one class and says why. All of them hang on private names:
`tests/local_mode/test_moto_canaries.py` watches them.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from local_mode.aws.protocol import now
from local_mode.aws.states.interpreter import find_class, module_of

_START_SECONDS = 10.0
_POLL_SECONDS = 0.1
# Not even States.ALL catches these.
_UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")
_logger = logging.getLogger(__name__)


def repair() -> None:
    """Put every difference right; called once, before the first execution."""
    share_backends()
    pass_on_any_error()
    name_errors()
    _replace("ExecutionWorker", "_execution_logic", end_every_execution)
    _replace("Execution", "stop", stop_at_once)
    _replace("Environment", "set_error", keep_the_end)
    _replace("JitterStrategyDecl", "_eval_body", interrupt_retry_waits)
    _replace("ErrorEqualsDecl", "_eval_body", leave_runtime_errors_uncaught)
    _replace("StepFunctionResponse", "stop_execution", keep_stop_reason)
    _replace("StepFunctionResponse", "describe_execution", show_every_end)
    _replace("StepFunctionsParserBackend", "create_state_machine", refuse_another_definition)


def _replace(name: str, method: str, replacement: Callable[..., object]) -> None:
    """Replace a method by a function that gets the original as its first argument."""
    found = find_class(name)
    original = getattr(found, method)
    replaced = functools.partialmethod(_call, replacement, original)
    setattr(found, method, replaced)


def _call(
    instance: object,
    replacement: Callable[..., object],
    original: Callable[..., object],
    *arguments: object,
    **named: object,
) -> object:
    return replacement(original, instance, *arguments, **named)


def share_backends() -> None:
    """A state machine that CloudFormation created executes like any other."""
    plain, executing = "stepfunctions_backends", "stepfunctions_parser_backends"
    setattr(module_of(plain), plain, getattr(module_of(executing), executing))


def pass_on_any_error() -> None:
    """A Fail state may pass on an error of the interpreter, such as States.TaskFailed.

    moto allows that in no error name that a definition makes up, and here in none at all.
    """
    module_of("CustomErrorName").CustomErrorName = find_class("ErrorName")


def name_errors() -> None:
    """Refusals such as InvalidDefinition carry their name; moto sends them without one."""
    base = find_class("StateMachineAlreadyExists").__base__
    for refusal in base.__subclasses__():
        if refusal.TYPE is None:
            refusal.TYPE = refusal.code


def refuse_another_definition(
    create: Callable[..., object],
    backend: Any,  # noqa: ANN401
    name: str,
    definition: str,
    *arguments: object,
    **named: object,
) -> object:
    """A name that is taken by another definition is refused; moto silently keeps the first."""
    for machine in backend.state_machines:
        if machine.name == name and machine.definition != definition:
            text = f"State Machine Already Exists: '{machine.arn}'"
            raise find_class("StateMachineAlreadyExists")(text)
    return create(backend, name, definition, *arguments, **named)


def end_every_execution(logic: Callable[..., None], worker: Any) -> None:  # noqa: ANN401
    """An execution whose thread dies of a fault has failed; moto leaves it RUNNING for ever."""
    try:
        logic(worker)
    except BaseException as fault:
        _logger.exception("an execution")
        execution = worker._execution_communication.execution
        execution.error, execution.cause = "States.Runtime", repr(fault)
        execution.stop_date = now()
        execution.exec_status = find_class("ExecutionStatus").FAILED


def stop_at_once(
    stop: Callable[..., None],
    execution: Any,  # noqa: ANN401
    stop_date: object,
    error: object,
    cause: object,
) -> None:
    """StopExecution ends an execution at once; moto waits for the task that is running.

    It also reaches an execution that has only just been started.
    """
    statuses = find_class("ExecutionStatus")
    deadline = time.monotonic() + _START_SECONDS
    while execution.exec_status == statuses.RUNNING and time.monotonic() < deadline:
        env = execution.exec_worker.env
        if env is not None and env.is_running():
            break
        time.sleep(0.01)
    if execution.exec_worker.env is None:
        return
    stop(execution, stop_date=stop_date, error=error, cause=cause)
    if isinstance(execution.exec_worker.env.program_state(), find_class("ProgramStopped")):
        execution.stop_date = now()
        execution.exec_status = statuses.ABORTED


def keep_the_end(set_error: Callable[..., None], env: Any, error: object) -> None:  # noqa: ANN401
    """A task that fails after the execution was stopped does not turn it into a failed one."""
    if not isinstance(
        env.program_state(), (find_class("ProgramStopped"), find_class("ProgramTimedOut"))
    ):
        set_error(env, error)


def interrupt_retry_waits(jitter: Callable[..., None], decl: object, env: Any) -> None:  # noqa: ANN401
    """A stopped execution does not sit out the delay before its next attempt.

    The jitter is the last step before the delay: waiting here leaves no delay to wait for.
    """
    jitter(decl, env)
    until = time.monotonic() + env.stack.pop()
    while env.is_running() and (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL_SECONDS, left))
    env.stack.append(0.0)


def leave_runtime_errors_uncaught(
    matches: Callable[..., None],
    decl: object,
    env: Any,  # noqa: ANN401
) -> None:
    """States.Runtime and States.DataLimitExceeded end the execution whatever Catch says."""
    if env.stack[-1].error_name in _UNCATCHABLE:
        env.stack.pop()
        env.stack.append(False)
    else:
        matches(decl, env)


def keep_stop_reason(answer: Callable[..., object], response: Any) -> object:  # noqa: ANN401
    """DescribeExecution shows the error and cause that StopExecution was given."""
    result = answer(response)
    backend = response.stepfunction_backend
    execution = backend.describe_execution(response._get_param("executionArn"))
    if execution.exec_status == find_class("ExecutionStatus").ABORTED:
        execution.error = response._get_param("error")
        execution.cause = response._get_param("cause")
    return result


def show_every_end(answer: Callable[..., Any], response: Any) -> object:  # noqa: ANN401
    """DescribeExecution says when an execution ended by its time limit, too."""
    result = answer(response)
    backend = response.stepfunction_backend
    execution = backend.describe_execution(response._get_param("executionArn"))
    if execution.stop_date is not None:
        result.result.setdefault("stopDate", execution.stop_date)
    return result
