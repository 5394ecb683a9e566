"""Every private name of moto that local_mode touches: these fail first when moto moves one.

A failure here is no fault of the code under test: moto has changed. Look at the new version, adapt
`local_mode/aws/states` or `local_mode/aws/moto_edge.py`, and pin it.
"""

import importlib
import importlib.metadata
import inspect

import pytest

from local_mode.aws.formation import install
from local_mode.aws.moto_edge import MOTO_VERSION
from local_mode.aws.states.interpreter import (
    CLASSES,
    METHODS,
    MODULE_ATTRIBUTES,
    find_class,
    module_of,
)

TASK_ARGUMENTS = ["env", "resource_runtime_part", "normalised_parameters", "state_credentials"]


def test_moto_is_the_version_that_was_read():
    assert importlib.metadata.version("moto") == MOTO_VERSION


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_where_it_was(name):
    assert inspect.isclass(find_class(name)), f"{CLASSES[name]} holds no class {name}"


@pytest.mark.parametrize(
    ("owner", "method"), [(owner, method) for owner in METHODS for method in METHODS[owner]]
)
def test_a_class_has_its_method(owner, method):
    assert hasattr(find_class(owner), method)


@pytest.mark.parametrize("attribute", MODULE_ATTRIBUTES)
def test_a_module_has_its_attribute(attribute):
    assert hasattr(module_of(attribute), attribute)


@pytest.mark.parametrize(
    ("owner", "method", "arguments"),
    [
        ("StateTaskService", "_eval_service_task", TASK_ARGUMENTS),
        ("StateTaskService", "_after_eval_execution", TASK_ARGUMENTS),
        ("StateTaskServiceAwsSdk", "_eval_service_task", TASK_ARGUMENTS),
        ("StateTaskServiceAwsSdk", "_normalise_service_error_name", ["service_name"]),
        ("StateTaskServiceCallback", "__init__", ["supported_integration_patterns"]),
        ("StateTaskService", "_from_error", ["env", "ex"]),
        ("StateTaskService", "_get_sfn_resource", []),
        ("StateTaskService", "_get_sfn_resource_type", []),
        ("StateTaskService", "_validate_service_integration_is_supported", []),
        ("Execution", "stop", ["stop_date", "error", "cause"]),
        ("ExecutionWorker", "_execution_logic", []),
        ("Environment", "set_error", ["error"]),
        ("Environment", "is_running", []),
        ("Environment", "program_state", []),
        ("JitterStrategyDecl", "_eval_body", ["env"]),
        ("ErrorEqualsDecl", "_eval_body", ["env"]),
        ("StepFunctionResponse", "describe_execution", []),
        ("StepFunctionResponse", "stop_execution", []),
        ("FailureEventException", "__init__", ["failure_event"]),
        ("FailureEvent", "__init__", ["env", "error_name", "event_type", "event_details"]),
        ("CustomErrorName", "__init__", ["error_name"]),
        ("ErrorName", "__init__", ["error_name"]),
        ("StatesErrorName", "__init__", ["typ"]),
    ],
)
def test_a_method_takes_what_it_took(owner, method, arguments):
    parameters = list(inspect.signature(getattr(find_class(owner), method)).parameters)
    assert [name for name in parameters if name != "self"] == arguments


@pytest.mark.parametrize(
    ("owner", "method", "fragment"),
    [
        # What the repairs read and write of the objects that they get.
        ("ExecutionWorker", "__init__", "self._execution_communication = exec_comm"),
        ("ExecutionWorker", "__init__", "self.env = None"),
        ("ExecutionWorker", "_execution_logic", "self._execution_communication.terminated()"),
        ("Execution", "start", "self.exec_status = ExecutionStatus.RUNNING"),
        ("Execution", "__init__", "self.exec_worker = None"),
        ("Execution", "__init__", "self.stop_date = None"),
        ("Execution", "__init__", "self.error = None"),
        ("StepFunctionResponse", "describe_execution", "return ActionResult(response)"),
        ("StepFunctionsParserBackend", "__init__", "self.state_machines"),
        ("JitterStrategyDecl", "_eval_body", "env.stack.append(jitter_interval)"),
        ("ErrorEqualsDecl", "_eval_body", "error_name: ErrorName = env.stack.pop()"),
        ("StateTaskServiceCallback", "_after_eval_execution", "self._eval_integration_pattern("),
        ("StateTaskServiceAwsSdk", "_eval_service_task", "env.stack.append(response)"),
    ],
)
def test_a_method_does_what_it_did(owner, method, fragment):
    assert fragment in inspect.getsource(getattr(find_class(owner), method))


def test_the_delay_of_a_retry_follows_its_jitter():
    module = importlib.import_module(
        CLASSES["JitterStrategyDecl"].replace("jitter_strategy", "retrier")
    )
    source = inspect.getsource(module.RetrierDecl._eval_body)
    after = source.partition("self.jitter_strategy.eval(env=env)")[2]
    assert "env.stack.pop()" in after
    assert "time.sleep(interval_seconds)" in after


def test_a_fail_state_makes_its_error_name_by_the_name_that_is_replaced():
    source = inspect.getsource(module_of("CustomErrorName"))
    assert "CustomErrorName(error_value)" in source


def test_the_factory_is_called_by_the_name_that_is_replaced():
    source = inspect.getsource(module_of("state_task_service_for"))
    assert "state_task_service_for(service_name=resource.service_name)" in source


def test_refusals_have_a_code_and_a_type():
    refusal = find_class("StateMachineAlreadyExists")
    assert refusal.code == "StateMachineAlreadyExists"
    assert hasattr(refusal.__base__, "TYPE")


def test_enumerations_have_their_members():
    assert find_class("ResourceCondition").Sync == "sync"
    assert find_class("ExecutionStatus").RUNNING
    assert find_class("ExecutionStatus").ABORTED
    assert find_class("ExecutionStatus").FAILED
    kinds = find_class("StatesErrorNameType")
    assert kinds.StatesTaskFailed.to_name() == "States.TaskFailed"
    assert kinds.StatesRuntime.to_name() == "States.Runtime"
    events = find_class("HistoryEventType")
    assert events.TaskFailed
    assert events.TaskSubmitted


def test_the_server_has_what_moto_edge_takes():
    from moto.core.config import default_user_config
    from moto.moto_server import werkzeug_app
    from moto.settings import moto_server_port

    assert {"stepfunctions", "lambda"} <= set(default_user_config)
    assert inspect.isclass(werkzeug_app.DomainDispatcherApplication)
    assert inspect.isclass(werkzeug_app.MotoRequestHandler)
    assert callable(werkzeug_app.create_backend_app)
    assert "MOTO_PORT" in inspect.getsource(moto_server_port)


def test_deployed_functions_have_what_moto_edge_reads():
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import LambdaBackend, LambdaFunction
    from moto.awslambda.utils import get_backend

    assert issubclass(UnknownFunctionException, Exception)
    assert list(inspect.signature(get_backend).parameters) == ["account_id", "region"]
    assert "qualifier" in inspect.signature(LambdaBackend.get_function).parameters
    source = inspect.getsource(LambdaFunction)
    assert "self.code_bytes" in source
    assert "self.reserved_concurrency" in source
    configuration = inspect.getsource(LambdaFunction.get_configuration)
    for member in ("CodeSha256", "Handler", "Runtime", "Timeout", "MemorySize", "PackageType"):
        assert f'"{member}"' in configuration


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (install.PARSING, "get_model_list"),
        (install.PARSING, "get_model_map"),
        (install.PARSING, "get_name_type_map"),
        (install.PARSING, "generate_resource_name"),
        (install.PARSING, "ValidationError"),
        (install.PARSING, "ResourceMap.delete"),
        (install.PARSING, "ResourceMap._delete_resource"),
        (install.STACKS, "Stack.delete"),
        (install.MODELS, "CloudFormationModel"),
        (install.BUCKETS, "FakeBucket.get_permission"),
        (install.PERMISSIONS, "PermissionResult.NEUTRAL"),
    ],
)
def test_cloudformation_has_what_is_replaced(module, name):
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)


def test_cloudformation_keeps_resources_where_they_are_looked_for():
    parsing = importlib.import_module(install.PARSING)
    source = inspect.getsource(parsing.ResourceMap)
    assert "self._parsed_resources[resource_logical_id] = new_resource" in source
    assert "self._resource_json_map = template" in source
    stack = inspect.getsource(importlib.import_module(install.STACKS).Stack)
    assert "self.resource_map.delete()" in stack
    assert "self.output_map.values()" in stack
