"""What `cdk deploy` creates on AWS, created in the local AWS through the same public API."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local_mode.bundle import DEFAULT_PRESET
from local_mode.deployment import Deployment
from local_mode.errors import UserError
from local_mode.handler_settings import function_variables, read_text, substitutions_of
from local_mode.packing import tar_gz, zip_package

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]

_ROOT = Path(__file__).resolve().parent.parent
_FUNCTION = re.compile(r"\$\{(\w+)FunctionArn\}")
_SUBSTITUTION = re.compile(r"\$\{[^}]*\}")
_SERVICES = ("sagemaker", "lambda", "states")
_EXISTS = frozenset(
    {
        "BucketAlreadyOwnedByYou",
        "EntityAlreadyExists",
        "ResourceAlreadyExistsException",
        "ResourceConflictException",
    }
)


def provision(
    client: ClientFactory,
    *,
    deployment: Deployment | None = None,
    root: Path = _ROOT,
    default_preset: str = DEFAULT_PRESET,
) -> Deployment:
    """Create everything that the workflow needs; what exists already is brought up to date.

    Args:
        client: Returns the boto3 client of a service.
        deployment: The names to use.
        root: The checkout with `edge_src`, `lambdas`, `stacks` and `training_src`.
        default_preset: The preset of executions that name none; without such a file the first.

    Returns:
        The names used.

    Raises:
        UserError: If the checkout lacks something, or the state machine is not valid.
    """
    names = deployment or Deployment()
    definition = read_text(root / "stacks" / "workflow.asl.json")
    variables = function_variables(names, root / "training_src", default_preset)
    _create_bucket(client("s3"), names)
    _create_role(client("iam"), names)
    _upload_source(client("s3"), names, root / "training_src")
    _upload_edge_source(client("s3"), names, root / "edge_src")
    _create_thing_group(client("iot"), names)
    _create_group(client("sagemaker"), names)
    substitutions = substitutions_of(variables)
    substitutions |= _create_functions(client, names, root / "lambdas", definition, variables)
    _create_state_machine(client("stepfunctions"), names, _substitute(definition, substitutions))
    _create_log_group(client("logs"), "/aws/sagemaker/TrainingJobs")
    for name, value in names.parameters().items():
        client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return names


@contextlib.contextmanager
def _existing() -> Iterator[None]:
    """Let the creation of something that exists already pass."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        text = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] not in _EXISTS and "already existing" not in text:
            raise


def _tags(names: Deployment) -> dict[str, str]:
    return {"sagemaker:project-name": names.project, "stage": names.stage}


def _pairs(names: Deployment, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in _tags(names).items()]


def _create_bucket(s3: "BaseClient", names: Deployment) -> None:
    with _existing():
        s3.create_bucket(Bucket=names.bucket)
    s3.put_bucket_tagging(Bucket=names.bucket, Tagging={"TagSet": _pairs(names)})


def _create_role(iam: "BaseClient", names: Deployment) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": [f"{service}.amazonaws.com" for service in _SERVICES]},
        "Action": "sts:AssumeRole",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    with _existing():
        iam.create_role(
            RoleName=names.role_name,
            AssumeRolePolicyDocument=json.dumps(document),
            Tags=_pairs(names),
        )


def _upload_source(s3: "BaseClient", names: Deployment, source: Path) -> None:
    if not source.is_dir():
        raise UserError(f"{source}: is missing; restore it from the repository")
    s3.put_object(Bucket=names.bucket, Key=names.source_key, Body=tar_gz(source))


def _create_group(sagemaker: "BaseClient", names: Deployment) -> None:
    with _existing():
        sagemaker.create_model_package_group(
            ModelPackageGroupName=names.model_package_group, Tags=_pairs(names)
        )


def _upload_edge_source(s3: "BaseClient", names: Deployment, source: Path) -> None:
    if not (source / "main.py").is_file():
        raise UserError(f"{source / 'main.py'}: is missing; restore it from the repository")
    s3.put_object(Bucket=names.bucket, Key=names.edge_source_key, Body=zip_package(source))


def _create_thing_group(iot: "BaseClient", names: Deployment) -> None:
    with _existing():
        iot.create_thing_group(thingGroupName=names.thing_group)


def _create_log_group(logs: "BaseClient", name: str) -> None:
    with _existing():
        logs.create_log_group(logGroupName=name)


def _create_functions(
    client: ClientFactory,
    names: Deployment,
    package: Path,
    definition: str,
    variables: dict[str, str],
) -> dict[str, str]:
    """Deploy the function of each `${...FunctionArn}`; return the ARN for each such name."""
    code = zip_package(package)
    arns = {}
    for title in dict.fromkeys(_FUNCTION.findall(definition)):
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", title).lower()
        if not (package / f"{module}.py").is_file():
            raise UserError(f"{package / module}.py: is missing, the state machine calls it")
        arn = _deploy_function(client("lambda"), names, module, code, variables)
        _create_log_group(client("logs"), f"/aws/lambda/{names.function_name(module)}")
        arns[f"{title}FunctionArn"] = arn
    for arn in arns.values():
        # Its process starts now, beside whatever comes first, and not when the workflow waits.
        client("lambda").invoke(FunctionName=arn, InvocationType="DryRun")
    return arns


def _deploy_function(
    functions: "BaseClient", names: Deployment, module: str, code: bytes, variables: dict[str, str]
) -> str:
    name = names.function_name(module)
    configuration = {
        "FunctionName": name,
        "Role": names.role_arn,
        "Runtime": "python3.12",
        "Handler": f"lambdas.{module}.handler",
        "Timeout": 900,
        "MemorySize": 512,
        "Environment": {"Variables": variables},
    }
    try:
        created = functions.create_function(
            **configuration, Code={"ZipFile": code}, Tags=_tags(names)
        )
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=name, ZipFile=code)
        created = functions.update_function_configuration(**configuration)
    arn: str = created["FunctionArn"]
    return arn


def _substitute(definition: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        definition = definition.replace(f"${{{name}}}", value)
    left = _SUBSTITUTION.search(definition)
    if left:
        raise UserError(f"stacks/workflow.asl.json: nothing stands for {left[0]}; rename or add it")
    return definition


def _create_state_machine(states: "BaseClient", names: Deployment, definition: str) -> None:
    try:
        states.create_state_machine(
            name=names.state_machine_name,
            definition=definition,
            roleArn=names.role_arn,
            tags=_pairs(names, "key", "value"),
        )
    except states.exceptions.StateMachineAlreadyExists:
        states.update_state_machine(
            stateMachineArn=names.state_machine_arn, definition=definition, roleArn=names.role_arn
        )
    except states.exceptions.InvalidDefinition as error:
        reason = error.response["Error"]["Message"]
        raise UserError(f"stacks/workflow.asl.json: is not valid: {reason}") from None
