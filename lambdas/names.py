"""The names that one execution gives to what it makes, the same whenever it is repeated."""

import hashlib
import re
import uuid

from lambdas.validation import text

LONGEST = 63
"""Characters that SageMaker allows in the name of a job, a model or an endpoint."""

THING_GROUP = text(r"[A-Za-z0-9:_-]{1,128}", "a thing group's name")
"""How IoT writes the name of a group of devices; a rule for `lambdas.validation`."""

EXECUTION_ID = text("[0-9a-f]{12}", "12 hexadecimal digits")
"""What `execution_id` makes; a rule for `lambdas.validation`."""

EXECUTION_TAG = "execution"
"""The tag that tells which execution made something."""

_RETRY_SUFFIX = len("-99")


def execution_id(name: str | None, *, project: str, stage: str) -> str:
    """Make the 12 hexadecimal digits that tell one execution's resources from another's.

    Args:
        name: The execution's name; without it the digits are random.
        project: Keeps two projects of an account apart.
        stage: Keeps two stages of a project apart.

    Returns:
        Digits that are equal for equal arguments, so that an execution delivered twice makes
        the same names again.
    """
    text = "/".join((project, stage, name or uuid.uuid4().hex))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def resource_name(step: str, preset: str, identity: str) -> str:
    """Name what a step makes: `rl-<step>-<preset>-<12 hex>`, with room for a retry number.

    Args:
        step: `training` or `evaluation`.
        preset: Any preset name; what SageMaker does not allow in names becomes a hyphen.
        identity: The execution's 12 digits.

    Returns:
        At most 60 characters of letters, digits and single hyphens.
    """
    room = LONGEST - _RETRY_SUFFIX - len(f"rl-{step}--{identity}")
    slug = re.sub(r"[^A-Za-z0-9]+", "-", preset).strip("-")[:room].rstrip("-")
    return "-".join(part for part in ("rl", step, slug, identity) if part)


def tags(*, project: str, stage: str, identity: str) -> list[dict[str, str]]:
    """List the tags of everything that an execution makes, in the form SageMaker takes."""
    pairs = {"sagemaker:project-name": project, "stage": stage, EXECUTION_TAG: identity}
    return [{"Key": key, "Value": value} for key, value in pairs.items()]
