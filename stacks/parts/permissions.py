"""What each step of the workflow may do beside reading and writing its part of the bucket.

One table: a test compares it with the calls that handlers and definition make, and finds what is
missing as well as what nobody needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.roles import arn, greengrass_arn

JOBS = ("training-job", "rl-*")
SAGEMAKER = "sagemaker.amazonaws.com"
_SLOTS = ("a", "b", "c")  # as `lambdas/slots.py` ends the names of models and configurations


@dataclass(frozen=True)
class Grant:
    """Actions on a kind of resources.

    Attributes:
        actions: Without the service's name.
        resources: Keys of `Names.arns`.
        service: As IAM names it.
        only: What keys of the request must say.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    service: str = "sagemaker"
    only: Mapping[str, str] = field(default_factory=dict)


def _greengrass(actions: tuple[str, ...], *resources: str) -> Grant:
    return Grant(actions, resources, service="greengrass")


_ROLLOUT = (
    _greengrass(("GetDeployment",), "deployments"),
    # Greengrass makes an IoT job in the caller's name, and ends the one before.
    Grant(("DescribeThingGroup",), ("thing_groups",), service="iot"),
    Grant(("CreateJob",), ("thing_groups", "iot_jobs"), service="iot"),
    Grant(("DescribeJob", "UpdateJob", "CancelJob"), ("iot_jobs",), service="iot"),
)


FUNCTIONS: Mapping[str, tuple[Grant, ...]] = {
    "prepare": (Grant(("DescribeThingGroup",), ("thing_groups",), service="iot"),),
    "gate": (),
    "register": (Grant(("ListModelPackages", "CreateModelPackage"), ("group", "packages")),),
    "deploy": (
        Grant(("CreateModel", "DeleteModel"), ("models",)),
        Grant(
            ("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig"),
            ("configs",),
        ),
        Grant(("CreateEndpoint", "UpdateEndpoint"), ("endpoint", "configs")),
        Grant(("DescribeEndpoint", "DeleteEndpoint"), ("endpoint",)),
        Grant(("AddTags",), ("models", "configs", "endpoint")),
        Grant(("ListTags",), ("configs",)),
    ),
    "smoke_test": (
        Grant(("DescribeEndpoint", "DeleteEndpoint", "InvokeEndpoint"), ("endpoint",)),
        Grant(("UpdateEndpoint",), ("endpoint", "configs")),
        # It takes approvals back; to give them is for people.
        Grant(
            ("UpdateModelPackage",),
            ("packages",),
            only={"sagemaker:ModelApprovalStatus": "Rejected"},
        ),
    ),
    "edge_publish": (
        _greengrass(("CreateComponentVersion", "ListComponentVersions"), "component"),
        _greengrass(("DescribeComponent",), "component_versions"),
        _greengrass(("TagResource",), "component", "component_versions"),
    ),
    "edge_deploy": (
        _greengrass(("DescribeComponent",), "component_versions"),
        _greengrass(("TagResource",), "deployments"),
        *_ROLLOUT,
    ),
    "edge_follow": _ROLLOUT,
}

DECIDE: tuple[Grant, ...] = (
    Grant(("ListModelPackages",), ("group", "packages")),
    Grant(("DescribeModelPackage",), ("packages",)),
)

STATE_MACHINE: tuple[Grant, ...] = (
    Grant(
        ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "AddTags", "ListTags"),
        ("jobs",),
    ),
    Grant(("DescribeEndpoint",), ("endpoint",)),
)
"""`.sync` describes the job and stops it with the execution."""


CLEAN_UP: tuple[Grant, ...] = (
    Grant(("DescribeEndpoint", "DeleteEndpoint"), ("endpoint",)),
    Grant(("DeleteEndpointConfig",), ("configs",)),
    Grant(("DeleteModel",), ("models",)),
    Grant(("ListModelPackages",), ("group", "packages")),
    Grant(("DeleteModelPackage",), ("packages",)),
)


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names that the grants speak of."""

    model_package_group: str
    endpoint: str
    component: str
    component_versions: str
    thing_groups: tuple[str, ...]

    @classmethod
    def of(cls, config: StageConfig, *, model_package_group: str) -> "Names":
        """Return the names of a stage."""
        return cls(
            model_package_group=model_package_group,
            endpoint=config.prefix,
            component=config.component,
            component_versions=f"1.{config.number}",
            thing_groups=(config.thing_group, *config.edge.thing_groups),
        )

    def arns(self, scope: Construct) -> dict[str, list[str]]:
        """Return the ARNs of each kind of resource; `rl-*` is what the workflow itself makes."""
        slots = [f"{self.endpoint}-{letter}" for letter in _SLOTS]
        kinds = {
            "jobs": [JOBS],
            "models": [("model", slot) for slot in slots],
            "configs": [("endpoint-config", slot) for slot in slots],
            "endpoint": [("endpoint", self.endpoint)],
            "group": [("model-package-group", self.model_package_group)],
            "packages": [("model-package", f"{self.model_package_group}/*")],
        }
        named = {
            kind: [arn(scope, "sagemaker", *pair) for pair in pairs]
            for kind, pairs in kinds.items()
        }
        return named | self._devices(scope)

    def _devices(self, scope: Construct) -> dict[str, list[str]]:
        versions = f"{self.component}:versions:{self.component_versions}.*"
        return {
            "component": [greengrass_arn(scope, "components", self.component)],
            "component_versions": [greengrass_arn(scope, "components", versions)],
            "deployments": [greengrass_arn(scope, "deployments", "*")],
            "thing_groups": [arn(scope, "iot", "thinggroup", it) for it in self.thing_groups],
            "iot_jobs": [arn(scope, "iot", "job", "*")],
        }


def statements(
    scope: Construct, grants: tuple[Grant, ...], names: Names
) -> list[iam.PolicyStatement]:
    """Return the grants as policy statements."""
    arns = names.arns(scope)
    return [
        iam.PolicyStatement(
            actions=[f"{grant.service}:{action}" for action in grant.actions],
            resources=[each for kind in grant.resources for each in arns[kind]],
            conditions={"StringEquals": dict(grant.only)} if grant.only else None,
        )
        for grant in grants
    ]


def pass_role(role: iam.IRole, service: str) -> iam.PolicyStatement:
    """Return the statement that hands a role to a service, and to no other."""
    return iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )
