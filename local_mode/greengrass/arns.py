"""ARNs of Greengrass and IoT as they are written, and read again."""

import re

from local_mode.aws.protocol import AwsError
from local_mode.deployment import ACCOUNT, REGION

_ROOT = f"arn:aws:greengrass:{REGION}:{ACCOUNT}"
_COMPONENT = re.compile(rf"{_ROOT}:components:(?P<name>[^:]+)(:versions:(?P<version>[^:]+))?")
_TARGET = re.compile(rf"arn:aws:iot:{REGION}:{ACCOUNT}:(?P<kind>thing|thinggroup)/(?P<name>.+)")


def component_arn(name: str, version: str | None = None) -> str:
    """Return the ARN of a component, or of one version of it."""
    tail = f":versions:{version}" if version else ""
    return f"{_ROOT}:components:{name}{tail}"


def deployment_arn(identifier: str) -> str:
    """Return the ARN of a deployment."""
    return f"{_ROOT}:deployments:{identifier}"


def job_arn(identifier: str) -> str:
    """Return the ARN of an IoT job."""
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:job/{identifier}"


def parse_component(arn: str) -> tuple[str, str]:
    """Return the name and the version, which is empty for a whole component.

    Raises:
        AwsError: If it is no such ARN of this account and region.
    """
    found = _read(_COMPONENT, arn, "component")
    return found["name"], found["version"] or ""


def parse_target(arn: str) -> tuple[str, str]:
    """Return what a deployment aims at, `thing` or `thinggroup`, and its name.

    Raises:
        AwsError: If it is no such ARN of this account and region.
    """
    found = _read(_TARGET, arn, "target")
    return found["kind"], found["name"]


def _read(form: re.Pattern[str], arn: str, what: str) -> re.Match[str]:
    found = form.fullmatch(arn)
    if found is None:
        raise AwsError("ValidationException", f"{arn} is no {what} of this account and region.")
    return found
