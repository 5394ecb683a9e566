"""The only place, beside the interpreter in `states`, that touches moto.

moto has no types and promises no stability for what is used here, so it is pinned exactly and
`tests/local_mode/test_moto_canaries.py` fails when a name moves.
"""

import importlib
import os
from collections.abc import Callable, Iterable
from typing import Any

from local_mode.aws.functions.specification import FunctionSpecification
from local_mode.aws.protocol import AwsError
from local_mode.deployment import ACCOUNT, REGION

MOTO_VERSION = "5.2.5"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# The services that the workflow uses: loading them early keeps the first request to each fast.
_SERVICES = ("s3", "iam", "awslambda", "ssm", "logs", "cloudwatch", "sts")


def create_app(port: int) -> WsgiApp:
    """Return moto's server as a WSGI application that knows its own port."""
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    os.environ["MOTO_PORT"] = str(port)
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # Whatever reaches a function past the front must not look for a container engine.
    default_user_config["lambda"] = {"use_docker": False}
    app: WsgiApp = DomainDispatcherApplication(create_backend_app)
    return app


def request_handler() -> type:
    """Return the request handler that moto's server needs for S3's paths."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    handler: type = MotoRequestHandler
    return handler


def load_services() -> None:
    """Import the services of the workflow."""
    for name in _SERVICES:
        importlib.import_module(f"moto.{name}.responses")


def find_function(name: str, qualifier: str | None) -> FunctionSpecification:
    """Return what was deployed as a Lambda function, by name or ARN.

    Raises:
        AwsError: ResourceNotFoundException.
    """
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.utils import get_backend

    latest = None if qualifier in (None, "$LATEST") else qualifier
    try:
        function = get_backend(ACCOUNT, REGION).get_function(name, latest)
    except UnknownFunctionException:
        arn = name if name.startswith("arn:") else _function_arn(name)
        raise AwsError(
            "ResourceNotFoundException",
            f"Function not found: {arn}",
            status=404,
            details={"Type": "User"},
        ) from None
    configuration = function.get_configuration()
    if configuration["PackageType"] != "Zip":
        raise AwsError("InvalidRuntimeException", "Functions from images do not run here.")
    return FunctionSpecification(
        name=configuration["FunctionName"],
        arn=_function_arn(configuration["FunctionName"]),
        version="$LATEST" if latest is None else str(configuration["Version"]),
        handler=configuration["Handler"],
        runtime=configuration["Runtime"] or "",
        code_sha256=configuration["CodeSha256"],
        code=function.code_bytes,
        timeout=float(configuration["Timeout"]),
        memory=int(configuration["MemorySize"]),
        environment=dict(configuration.get("Environment", {}).get("Variables", {})),
        reserved_concurrency=function.reserved_concurrency,
    )


def _function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
