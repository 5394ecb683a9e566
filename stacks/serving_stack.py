"""The endpoint, or what watches it where the workflow makes it."""

from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.clean_up import EndpointCleanUp
from stacks.parts.decisions import Decisions
from stacks.parts.endpoint import Endpoint, scales_itself
from stacks.parts.endpoint_access import EndpointAccess
from stacks.parts.endpoint_alarms import EndpointAlarms
from stacks.parts.endpoint_scaling import EndpointScaling
from stacks.parts.logging import log_group
from stacks.parts.roles import Roles
from stacks.stage_stack import StageStack
from stacks.storage_stack import StorageStack
from stacks.workflow_stack import WorkflowStack


class ServingStack(StageStack):
    """The endpoint of a stage that pins a model package, and the alarms of any endpoint.

    A stage that pins none leaves the endpoint to the workflow: that is how the first one comes
    about, before there is any package. Who pins a package for the first time deletes the
    workflow's endpoint before the deployment, since CloudFormation takes over nothing; likewise
    who changes between instances and serverless, which SageMaker does not.

    Attributes:
        endpoint_name: Name of the endpoint, whoever makes it.
        alarms: Its alarms.
        decisions: What the endpoint decides, counted.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        config: StageConfig,
        roles: Roles,
        storage: StorageStack,
        workflow: WorkflowStack,
    ) -> None:
        super().__init__(
            scope, "Serving", config=config, description="Endpoint of the workflow, and its alarms"
        )
        self.endpoint_name = config.prefix
        self.alarms = EndpointAlarms(
            self, "Alarms", endpoint=self.endpoint_name, topic=workflow.topic
        )
        log = log_group(
            self,
            "Log",
            key=storage.key,
            days=config.log_days,
            name=f"/aws/sagemaker/Endpoints/{self.endpoint_name}",
        )
        self.decisions = Decisions(
            self, "Decisions", namespace=config.namespace, place="Endpoint", log_group=log
        )
        access = EndpointAccess(self, "Access", roles=roles, alarms=self.alarms.all, log_group=log)
        if config.serving.model_package:
            endpoint = self._endpoint(config, config.serving.model_package, roles, storage)
            endpoint.resource.node.add_dependency(self.alarms, access)
        elif not config.retain_data:
            EndpointCleanUp(
                self,
                "CleanUp",
                endpoint=self.endpoint_name,
                roles=roles,
                key=storage.key,
                log_days=config.log_days,
                before=[access],
            )

    def _endpoint(
        self, config: StageConfig, package: str, roles: Roles, storage: StorageStack
    ) -> Endpoint:
        serving = config.serving
        endpoint = Endpoint(
            self,
            "Endpoint",
            name=self.endpoint_name,
            package=package,
            serving=serving,
            role=roles["serving"],
            key=storage.key,
            bucket=storage.bucket,
            network=config.network,
            alarms=self.alarms.names,
        )
        if scales_itself(serving):
            EndpointScaling(
                self,
                "Scaling",
                endpoint=self.endpoint_name,
                least=serving.instance_count,
                most=serving.most_instances,
            ).node.add_dependency(endpoint)
        return endpoint
