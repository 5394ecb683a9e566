"""Actions of the workflow's stack that know no resource, in one place."""

from collections.abc import Iterable

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import Network
from stacks.parts.acknowledge import acknowledge, wildcard, wildcard_arn
from stacks.parts.roles import FUNCTION_STEPS, Roles

CONTAINERS = ("training", "serving")
SAMPLING = ("xray:GetSamplingRules", "xray:GetSamplingTargets")
NAMESPACES = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints")


class Unscoped(Construct):
    """Managed policies with `Resource: *`, shared by the roles that need them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        namespace: str,
        network: Network | None,
        functions: tuple[str, ...] = FUNCTION_STEPS,
    ) -> None:
        super().__init__(scope, id_)
        self._roles = roles
        self._policy("Tracing", functions, [_tracing()])
        self._policy("Sampling", ("state_machine",), [_tracing(*SAMPLING)])
        self._policy("Containers", CONTAINERS, [_registry_token(), _metrics(*NAMESPACES)])
        self._policy("Devices", ("edge_metrics",), [_metrics(namespace)])
        self._policy("LogDelivery", ("state_machine",), [_log_delivery()])
        self._policy("Rollouts", ("edge_deploy",), [_deployments("ListDeployments")])
        self._policy("TakingBack", ("edge_follow",), [_deployments()])
        if network:
            steps = (*functions, *CONTAINERS)
            self._policy("Network", steps, _network_interfaces(network))
            acknowledge(
                self,
                wildcard_arn("ec2", "network-interface/*"),
                "AWS names the interfaces of functions and jobs when it makes them; subnets and "
                "security groups are named one by one.",
            )
            acknowledge(
                self,
                wildcard_arn("ec2", "*/*"),
                "Lambda refuses a function in a network whose role may not delete interfaces on "
                "every resource of EC2; the action deletes nothing else.",
            )
        acknowledge(
            self,
            wildcard("*"),
            "X-Ray, the registry's token, log delivery, descriptions of networks, deployments of "
            "Greengrass (bounded by the thing groups of their jobs) and PutMetricData (bounded by "
            "its namespace) take no resource.",
        )

    def _policy(
        self, id_: str, steps: Iterable[str], statements: list[iam.PolicyStatement]
    ) -> None:
        iam.ManagedPolicy(
            self,
            id_,
            description="Actions that know no resource",
            roles=[self._roles[step] for step in steps],
            statements=statements,
        )


def _tracing(*further: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords", *further], resources=["*"]
    )


def _registry_token() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])


def _metrics(*namespaces: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": list(namespaces)}},
    )


def _deployments(*further: str) -> iam.PolicyStatement:
    actions = ("CreateDeployment", *further)
    return iam.PolicyStatement(
        actions=[f"greengrass:{action}" for action in actions], resources=["*"]
    )


def _log_delivery() -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=[
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        resources=["*"],
    )


def _network_interfaces(network: Network) -> list[iam.PolicyStatement]:
    """Return what running inside a VPC takes, as AWS documents it for Lambda and SageMaker.

    Lambda refuses a function whose role may delete some kinds of resources of EC2 alone: its guide
    ("Giving Lambda functions access to resources in an Amazon VPC", required IAM permissions)
    asks for all of them.
    """
    account = f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    return [
        iam.PolicyStatement(
            actions=[
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeVpcs",
                "ec2:DescribeDhcpOptions",
            ],
            resources=["*"],
        ),
        iam.PolicyStatement(actions=["ec2:DeleteNetworkInterface"], resources=[f"{account}:*/*"]),
        iam.PolicyStatement(
            actions=[
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            resources=[
                f"{account}:network-interface/*",
                *(f"{account}:subnet/{each}" for each in network.subnet_ids),
                *(f"{account}:security-group/{each}" for each in network.security_group_ids),
            ],
        ),
    ]
