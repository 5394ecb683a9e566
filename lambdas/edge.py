"""What the steps of the edge share: names, the target's deployment, how a rollout goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws import Client
from lambdas.names import tags

PREVIOUS_TAG = "previous-deployment"
"""Tag of a deployment that names the one it took the place of, for a call that is repeated."""

_GONE = ("CANCELED", "FAILED")

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    """The environment variables of every step of the edge.

    THING_GROUP_ARN is the group that the stage itself has; COMPONENT_ARN ends with the name.
    """

    project: str
    stage: str
    component_arn: str
    thing_group_arn: str
    edge_maximum_per_minute: int = 50
    edge_abort_percent: int = 20
    edge_timeout_minutes: int = 15
    edge_notify_seconds: int = 60

    @property
    def component(self) -> str:
        """The component's name."""
        return self.component_arn.rpartition(":")[2]

    def version_arn(self, version: str) -> str:
        """Return the ARN of one version."""
        return f"{self.component_arn}:versions:{version}"

    def target(self, group: str | None) -> str:
        """Return the ARN of a thing group, of the stage's own without a name."""
        root, _, own = self.thing_group_arn.rpartition("/")
        return f"{root}/{group or own}"

    def tags(self, execution_id: str) -> dict[str, str]:
        """Return the tags of what an execution makes, in the form Greengrass takes."""
        pairs = tags(project=self.project, stage=self.stage, identity=execution_id)
        return {pair["Key"]: pair["Value"] for pair in pairs}

    def rollout(self) -> Document:
        """Return how a deployment reaches the devices, and when it is given up."""
        return {
            "deploymentPolicies": {
                "failureHandlingPolicy": "ROLLBACK",
                "componentUpdatePolicy": {
                    "timeoutInSeconds": self.edge_notify_seconds,
                    "action": "NOTIFY_COMPONENTS",
                },
            },
            "iotJobConfiguration": {
                "jobExecutionsRolloutConfig": {"maximumPerMinute": self.edge_maximum_per_minute},
                "abortConfig": {
                    "criteriaList": [
                        {
                            "failureType": "ALL",
                            "action": "CANCEL",
                            "thresholdPercentage": self.edge_abort_percent,
                            "minNumberOfExecutedThings": 1,
                        }
                    ]
                },
                "timeoutConfig": {"inProgressTimeoutInMinutes": self.edge_timeout_minutes},
            },
        }


def living_deployment(greengrassv2: Client, target: str) -> Document | None:
    """Return what the devices of a target are to run now; None if nothing was deployed to it.

    A deployment that was called off or failed says nothing of that: the one before it does.
    """
    pages = greengrassv2.get_paginator("list_deployments")
    found = [
        item
        for page in pages.paginate(targetArn=target, historyFilter="ALL")
        for item in page["deployments"]
        if item["deploymentStatus"] not in _GONE
    ]
    if not found:
        return None
    # AWS promises no order.
    newest = max(found, key=lambda item: item["creationTimestamp"])
    return get_deployment(greengrassv2, newest["deploymentId"])


def get_deployment(greengrassv2: Client, identifier: str) -> Document:
    """Return a deployment."""
    result: Document = greengrassv2.get_deployment(deploymentId=identifier)
    return result


def merged(components: Mapping[str, Document], name: str, version: str) -> Document:
    """Return a deployment's components with one of them at another version.

    The others stay as they are, since a deployment takes away what it does not name; and what
    somebody configured for the component stays, too.
    """
    own = components.get(name, {})
    return {**components, name: {**own, "componentVersion": version}}


def not_found(error: ClientError) -> bool:
    """Tell whether Greengrass or IoT says that something is not there."""
    return bool(error.response["Error"].get("Code") == "ResourceNotFoundException")
