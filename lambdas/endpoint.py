"""What deploying and rolling back have in common: the endpoint's state and its configurations."""

from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import Client, missing_is_no_fault

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""States in which SageMaker takes no other change."""

DEAD = ("Failed", "UpdateRollbackFailed")
"""States out of which an endpoint can only be deleted."""


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """An endpoint as SageMaker describes it; `pending` is the configuration it moves to."""

    status: str
    config: str
    pending: str | None
    failure: str | None
    modified: datetime

    @property
    def settled(self) -> datetime:
        """When it was last changed; now, while it is being changed."""
        return datetime.now(UTC) if self.status in MOVING else self.modified


def find_endpoint(sagemaker: Client, name: str) -> EndpointState | None:
    """Describe an endpoint.

    Returns:
        None when there is no endpoint of the name.
    """
    with missing_is_no_fault():
        found = sagemaker.describe_endpoint(EndpointName=name)
        return EndpointState(
            status=found["EndpointStatus"],
            config=found["EndpointConfigName"],
            pending=found.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
            failure=found.get("FailureReason"),
            modified=found["LastModifiedTime"],
        )
    return None


def roll_back(sagemaker: Client, name: str, *, previous: str | None) -> str:
    """Put the previous configuration back, or delete the endpoint when there was none.

    The change is only begun: SageMaker goes on with it after the execution has failed.

    Args:
        sagemaker: The client.
        name: The endpoint.
        previous: The configuration to put back.

    Returns:
        What was done, as a sentence for the message of the failure; a roll-back that is refused
        is reported the same way, since it must not hide the fault that led to it.
    """
    try:
        if previous is None:
            sagemaker.delete_endpoint(EndpointName=name)
            return f"The endpoint {name} was deleted, there was none before."
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=previous)
        return f"The endpoint {name} goes back to {previous}."
    except (ClientError, BotoCoreError) as error:
        line = " ".join(str(error).split())
        return f"The endpoint {name} could not be rolled back, do it by hand: {line}"
