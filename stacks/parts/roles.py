"""The identities of the workflow: who they are; what each may do stands beside what it uses.

They live in a stack of their own, so that bucket policies can name them and the functions can be
replaced without them.
"""

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

EDGE_STEPS = ("edge_publish", "edge_deploy", "edge_follow")
FUNCTION_STEPS = ("prepare", "gate", "register", "deploy", "smoke_test", *EDGE_STEPS)
"""Steps that are Lambda functions, each with the handler `lambdas/<step>.py`."""

_SERVICES = {
    **dict.fromkeys(FUNCTION_STEPS, "lambda.amazonaws.com"),
    "decide": "lambda.amazonaws.com",
    "training": "sagemaker.amazonaws.com",
    "serving": "sagemaker.amazonaws.com",
    "state_machine": "states.amazonaws.com",
    "events": "events.amazonaws.com",
    "clean_up": "lambda.amazonaws.com",
    "edge": "credentials.iot.amazonaws.com",
    "edge_metrics": "iot.amazonaws.com",
    "provisioning": "iot.amazonaws.com",
}
# Services that say, when they assume a role, for which account they do it.
_SAYS_ACCOUNT = (
    "credentials.iot.amazonaws.com",
    "events.amazonaws.com",
    "iot.amazonaws.com",
    "sagemaker.amazonaws.com",
    "states.amazonaws.com",
)


class Roles(Construct):
    """One role for each step and service, without any permission yet.

    Attributes:
        by_step: The roles; keys are the steps of `FUNCTION_STEPS`, `training` (jobs), `serving`
            (models), `decide` (the function that decides), `state_machine`, `events`, `clean_up`,
            `edge` (devices), `edge_metrics` (what devices report) and `provisioning` (new devices).
    """

    def __init__(self, scope: Construct, id_: str, *, prefix: str) -> None:
        super().__init__(scope, id_)
        self.by_step = {
            step: iam.Role(
                self,
                title(step),
                role_name=f"{prefix}-{step.replace('_', '-')}",
                description=f"{step.replace('_', ' ').capitalize()} of {prefix}",
                assumed_by=_principal(service),
            )
            for step, service in _SERVICES.items()
        }

    def __getitem__(self, step: str) -> iam.Role:
        """Return the role of a step."""
        return self.by_step[step]


def title(step: str) -> str:
    """Return a step's name as ids and the definition write it: `SmokeTest` of `smoke_test`."""
    return step.title().replace("_", "")


def _principal(service: str) -> iam.IPrincipal:
    if service not in _SAYS_ACCOUNT:
        return iam.ServicePrincipal(service)
    return iam.ServicePrincipal(
        service, conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
    )


def allow(
    role: iam.IRole,
    id_: str,
    *,
    scope: Construct,
    statements: list[iam.PolicyStatement],
    description: str,
) -> iam.ManagedPolicy:
    """Attach a managed policy to a role of another stack.

    A customer-managed policy can be looked at, compared and bounded by itself; an inline one of
    the same role would be changed by two stacks.
    """
    return iam.ManagedPolicy(
        scope, id_, roles=[role], statements=statements, description=description
    )


def arn(scope: Construct, service: str, resource: str, name: str) -> str:
    """Return the ARN of a named resource of this account and region."""
    return Stack.of(scope).format_arn(service=service, resource=resource, resource_name=name)


def greengrass_arn(scope: Construct, kind: str, name: str) -> str:
    """Return the ARN of something of Greengrass, which writes colons where others have slashes."""
    return Stack.of(scope).format_arn(
        service="greengrass",
        resource=kind,
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def log_group_arn(scope: Construct, name: str) -> str:
    """Return the ARN of a log group and of everything in it."""
    return Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
