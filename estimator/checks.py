"""What can be wrong with the settings of a job beyond the form of its request."""

import re
from collections.abc import Mapping, Sequence

from estimator.errors import EstimatorError
from estimator.kinds import check_kind
from estimator.model_check import check_choice
from estimator.session import Session, asking
from estimator.settings import LOCAL, InstanceGroup, JobSettings
from estimator.toolkits import nearest

_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_LOCAL_ACCOUNT = "123456789012"
LOGS = ("All", "None", "Training", "Rules")
"""What `fit` takes as logs, in the words of the SDK."""


def check_resources(
    *,
    instance_type: str | None,
    instance_count: int | None,
    instance_groups: Sequence[InstanceGroup],
) -> None:
    """Check that one cluster is described, of instance types that there are.

    Raises:
        EstimatorError: If not.
    """
    if instance_groups:
        if instance_type or instance_count:
            raise EstimatorError(
                "instance_groups, and instance_type or instance_count, both describe the cluster: "
                "leave out one of the two"
            )
        for group in instance_groups:
            check_choice("TrainingInstanceType", group.instance_type, "instance_groups")
        return
    if not instance_type:
        raise EstimatorError(
            "nothing says where to train: write instance_type='local', an instance type such as "
            "'ml.c7i.2xlarge', or instance_groups"
        )
    if instance_type != LOCAL:
        check_choice("TrainingInstanceType", instance_type, "instance_type")
    if instance_count is not None and instance_count < 1:
        raise EstimatorError(f"instance_count is {instance_count}: write 1 or more")


def check_settings(settings: JobSettings) -> None:
    """Check the settings that exclude each other.

    Raises:
        EstimatorError: If two of them do.
    """
    wait, run = settings.max_wait, settings.max_run
    if settings.use_spot_instances:
        if wait is None or wait < (run or 0):
            raise EstimatorError(
                f"max_wait is {wait} and max_run {run} seconds: a spot job's max_wait counts the "
                "wait for capacity and the run, so write at least max_run"
            )
        if settings.keep_alive_period_in_seconds:
            raise EstimatorError(
                "spot instances cannot be kept for the next job: leave out "
                "keep_alive_period_in_seconds or use_spot_instances"
            )
    elif wait is not None:
        raise EstimatorError(
            "max_wait is only for spot instances: write use_spot_instances=True, or leave it out"
        )
    if bool(settings.subnets) != bool(settings.security_group_ids):
        raise EstimatorError("subnets and security_group_ids only work together: give both")


def find_role(session: Session, role: str | None) -> str:
    """Return the ARN of the role that SageMaker assumes.

    Raises:
        EstimatorError: If there is none.
    """
    if session.is_local:
        name = (role or LOCAL).rpartition("/")[2]
        local = f"arn:aws:iam::{_LOCAL_ACCOUNT}:role/{name}"
        return role if role and _ARN.fullmatch(role) else local
    if not role:
        raise EstimatorError(
            "role is missing: write the ARN or the name of a role that SageMaker may assume"
        )
    if _ARN.fullmatch(role):
        return role
    if role.startswith("arn:"):
        raise EstimatorError(
            f"role: {role!r} is no ARN of a role: write arn:aws:iam::ACCOUNT:role/NAME, or its name"
        )
    with asking(f"role: {role!r} is looked up as the name of a role"):
        found = session.client("iam").get_role(RoleName=role.rpartition("/")[2])
    return str(found["Role"]["Arn"])


def tag_list(
    tags: Sequence[Mapping[str, str]] | Mapping[str, str] | None,
) -> list[dict[str, str]]:
    """Return tags, given as a list or as a mapping, as a request holds them.

    Raises:
        EstimatorError: If they are neither.
    """
    if isinstance(tags, Mapping):
        return [{"Key": str(key), "Value": str(value)} for key, value in tags.items()]
    check_kind("tags", tags, Sequence)
    for tag in tags or ():
        if not isinstance(tag, Mapping) or set(tag) != {"Key", "Value"}:
            raise EstimatorError(
                f"tags: {tag!r} is no tag: write {{'Key': 'team', 'Value': 'a'}} or {{'team': 'a'}}"
            )
    return [dict(tag) for tag in tags or ()]


def shows_logs(logs: object) -> bool:
    """Tell whether a job's lines are shown, for what `fit` takes as logs.

    Raises:
        EstimatorError: If it is none of the SDK's words.
    """
    if isinstance(logs, bool) or logs is None:
        return bool(logs)
    words = [logs] if isinstance(logs, str) else logs
    if not isinstance(words, Sequence):
        raise EstimatorError(f"logs is {logs!r}: write one of {', '.join(LOGS)}")
    for word in words:
        if word not in LOGS:
            raise EstimatorError(f"logs: there is no {word!r}{nearest(str(word), LOGS)}")
    return "All" in words or "Training" in words
