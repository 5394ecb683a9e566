"""Whether an execution may deploy to a group of devices, asked hours before the state that does."""

from collections.abc import Sequence

from botocore.exceptions import ClientError

from lambdas.aws import Client
from lambdas.edge import not_found
from lambdas.errors import ConfigurationError, InvalidInput


def check_group(name: str | None, *, own_arn: str, further: Sequence[str], iot: Client) -> None:
    """Refuse a group of devices that the stage's policies do not name, or that is not there.

    Args:
        name: The group that the execution names; None: the stage's own.
        own_arn: ARN of the stage's own group.
        further: Names of those that the configuration adds.
        iot: The client.

    Raises:
        InvalidInput: The group is refused.
        ConfigurationError: The stage has no group.
    """
    if not own_arn:
        raise ConfigurationError("THING_GROUP_ARN is not set. Deploy it again.")
    own = own_arn.rpartition("/")[2]
    groups, group = (own, *further), name or own
    if group not in groups:
        raise InvalidInput(
            [
                f"edge.thing_group: {group} is no group of this stage; use {' or '.join(groups)}, "
                "or add it to edge.thing_groups in stacks/config.py"
            ]
        )
    try:
        iot.describe_thing_group(thingGroupName=group)
    except ClientError as error:
        if not not_found(error):
            raise
        raise InvalidInput(
            [f"edge.thing_group: there is no thing group {group}: create it or leave it out"]
        ) from error
