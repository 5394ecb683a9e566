"""Things and their groups, as the local IoT registry has them."""

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local_mode.greengrass.arns import parse_target


class Things:
    """What the control plane asks the registry.

    Args:
        iot: The client of the local registry.
    """

    def __init__(self, iot: BaseClient) -> None:
        self._iot = iot

    def exists(self, target: str) -> bool:
        """Tell whether the target of a deployment is there."""
        kind, name = parse_target(target)
        try:
            if kind == "thing":
                self._iot.describe_thing(thingName=name)
            else:
                self._iot.describe_thing_group(thingGroupName=name)
        except ClientError:
            return False
        return True

    def members(self, target: str) -> list[str]:
        """Return the names of the devices of a target."""
        kind, name = parse_target(target)
        if kind == "thing":
            return [name]
        try:
            pages = self._iot.get_paginator("list_things_in_thing_group")
            return [
                thing for page in pages.paginate(thingGroupName=name) for thing in page["things"]
            ]
        except ClientError:
            return []  # the group has been deleted
