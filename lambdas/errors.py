"""The faults of the handlers; a class name here is the `Error` of a failed execution."""

from collections.abc import Sequence


class WorkflowError(Exception):
    """A fault that the handlers explain in one line."""


class InvalidInput(WorkflowError):
    """The request holds mistakes; the message has one line for each, with its remedy.

    Args:
        problems: Lines of the form `path: what is wrong and what to do`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ConfigurationError(WorkflowError):
    """The function was deployed with settings it cannot work with."""


class GateError(WorkflowError):
    """The gate cannot judge: the scorecard is missing or malformed, or the baseline unknown."""


class UnsafeArtifact(WorkflowError):
    """An archive is not what the training jobs write: unsafe, damaged or incomplete."""


class NoModel(WorkflowError):
    """There is no approved model to decide with."""


class EndpointBusy(WorkflowError):
    """Another deployment of the endpoint is in progress; the same call may work later."""


class EndpointFailed(WorkflowError):
    """The endpoint did not reach InService with the new configuration."""


class SmokeTestFailed(WorkflowError):
    """The new endpoint gave a wrong answer, or none; the message says how it was rolled back."""


class ComponentNotReady(WorkflowError):
    """A component version is still being made; the same call works in a moment."""


class ComponentFailed(WorkflowError):
    """A component version could not be made."""


class EdgeDeploymentFailed(WorkflowError):
    """The devices did not take a deployment; the message says what they run now."""


class ServiceUnavailable(WorkflowError):
    """AWS was throttling or out of order for longer than the client's own retries last."""


class ResourceLimit(WorkflowError):
    """A quota of the account is used up; it may be free again later."""


class ServiceRefused(WorkflowError):
    """AWS refused a call, for example for a missing permission; trying again does not help."""
