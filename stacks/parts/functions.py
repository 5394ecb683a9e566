"""The Lambda functions: one for each state that calls one, all from one archive of `lambdas/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, IgnoreMode
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import Decide, Network
from stacks.parts.acknowledge import acknowledge, wildcard_arn
from stacks.parts.edge_bundle import EdgeBundle
from stacks.parts.encryption import lend_key, use_key
from stacks.parts.logging import log_group
from stacks.parts.permissions import (
    DECIDE,
    FUNCTIONS,
    SAGEMAKER,
    Names,
    pass_role,
    statements,
)
from stacks.parts.roles import Roles, allow, title
from stacks.parts.training_bundle import TrainingBundle
from stacks.parts.variables import READ_BY

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, ARCHITECTURE = lambda_.Runtime.PYTHON_3_14, lambda_.Architecture.ARM_64
"""Of every function; the handlers need nothing that is compiled."""

_WILDCARDS = {
    ("sagemaker", "model-package/{group}/*"): "The registry numbers the versions; the group is "
    "named.",
    ("greengrass", "components:{component}:versions:{versions}.*"): "Versions are counted, and "
    "each stage has its own first two numbers.",
    ("greengrass", "deployments:*"): "Greengrass names deployments; they are only looked at and "
    "given tags.",
    ("iot", "job/*"): "Greengrass names the jobs of deployments, and makes them in the caller's "
    "name.",
}


class Functions(Construct):
    """The handlers of `lambdas/` as functions.

    Attributes:
        by_step: The functions; keys are the steps of `stacks.parts.roles.FUNCTION_STEPS`.
        decide: The function that decides without an endpoint, if it is wanted.
        logs: The log groups, by step.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        names: Names,
        variables: Mapping[str, str],
        bundle: TrainingBundle,
        edge_bundle: EdgeBundle,
        repositories: Sequence[str],
        key: kms.IKey,
        dead_letters: sns.ITopic,
        network: Network | None,
        reserved_concurrency: int,
        log_days: int,
        decide: Decide | None,
    ) -> None:
        super().__init__(scope, id_)
        code = handlers()
        self.logs: dict[str, logs.ILogGroup] = {}
        self._repositories = list(repositories)
        self._key, self._dead_letters, self._network = key, dead_letters, network
        self._edge_bundle = edge_bundle
        self.by_step = {
            step: self._function(step, code, roles, names, variables, bundle, log_days)
            for step in FUNCTIONS
        }
        self.decide = None
        if decide:
            chosen = {**variables, "REFRESH_SECONDS": str(decide.refresh_seconds)}
            self.decide = self._function(
                "decide", code, roles, names, chosen, bundle, log_days, layer=decide.numpy_layer
            )
        for (service, kind), why in _WILDCARDS.items():
            resource = kind.format(
                group=names.model_package_group,
                component=names.component,
                versions=names.component_versions,
            )
            acknowledge(self, wildcard_arn(service, resource), why)
        if reserved_concurrency:
            for function in (*self.by_step.values(), *filter(None, [self.decide])):
                _resource(function).reserved_concurrent_executions = reserved_concurrency

    def __getitem__(self, step: str) -> lambda_.Function:
        """Return the function of a step."""
        return self.by_step[step]

    def _function(
        self,
        step: str,
        code: lambda_.Code,
        roles: Roles,
        names: Names,
        variables: Mapping[str, str],
        bundle: TrainingBundle,
        log_days: int,
        *,
        layer: str | None = None,
    ) -> lambda_.Function:
        id_ = title(step)
        group = self.logs[step] = log_group(self, f"{id_}Logs", key=self._key, days=log_days)
        policy = allow(
            roles[step],
            f"{id_}Policy",
            scope=self,
            description=f"What {step} may do",
            statements=[
                *statements(self, DECIDE if layer else FUNCTIONS[step], names),
                *self._own_statements(group),
                *self._further_statements(step, roles, bundle),
            ],
        )
        function = lambda_.Function(
            self,
            id_,
            description="Decides without an endpoint"
            if layer
            else f"The state {id_} of the workflow",
            code=code,
            handler=f"lambdas.{step}.handler",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            role=roles[step].without_policy_updates(),
            environment={name: variables[name] for name in READ_BY[step]},
            environment_encryption=self._key,
            # A decision takes milliseconds, the first one the time to fetch and check the model.
            timeout=Duration.minutes(1 if layer else 15),
            memory_size=1024,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=group,
            layers=[lambda_.LayerVersion.from_layer_version_arn(self, "NumPy", layer)]
            if layer
            else None,
            # The workflow waits for its calls, so that this is for those that somebody makes
            # asynchronously by hand; what fails in the workflow ends the execution, and is told.
            dead_letter_topic=self._dead_letters,
        )
        function.node.add_dependency(policy)
        if self._network:
            _resource(function).vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(self._network.subnet_ids),
                security_group_ids=list(self._network.security_group_ids),
            )
        return function

    def _further_statements(
        self, step: str, roles: Roles, bundle: TrainingBundle
    ) -> list[iam.PolicyStatement]:
        if step == "prepare":  # copies the bundle
            return [iam.PolicyStatement(actions=["s3:GetObject"], resources=[bundle.object_arn])]
        if step == "edge_publish":
            reads = [self._edge_bundle.object_arn]
            return [iam.PolicyStatement(actions=["s3:GetObject"], resources=reads)]
        if step == "register":  # the registry looks the image up in the caller's name
            reads = ["ecr:BatchGetImage", "ecr:DescribeImages"]
            return [iam.PolicyStatement(actions=reads, resources=self._repositories)]
        if step == "deploy":
            return [pass_role(roles["serving"], SAGEMAKER), lend_key(self._key)]
        return [lend_key(self._key)] if step == "smoke_test" else []

    def _own_statements(self, group: logs.ILogGroup) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[group.log_group_arn],
            ),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self._dead_letters.topic_arn]),
            use_key(self._key, write=True),
        ]


def _resource(function: lambda_.Function) -> lambda_.CfnFunction:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    return resource


def handlers() -> lambda_.Code:
    """Return the archive of `lambdas/`, the same for every function."""
    return lambda_.Code.from_asset(
        str(ROOT),
        exclude=["*", "!lambdas", "!lambdas/**", "**/__pycache__", "**/.*"],
        ignore_mode=IgnoreMode.GIT,
    )
