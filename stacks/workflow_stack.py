"""The workflow itself: functions, state machine, rules, and where others find them."""

from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.containers import Containers
from stacks.parts.decisions import Decisions
from stacks.parts.edge_bundle import EdgeBundle
from stacks.parts.events import Events
from stacks.parts.functions import Functions
from stacks.parts.image import image_repositories, image_uri
from stacks.parts.notifications import Notifications
from stacks.parts.parameters import Parameters
from stacks.parts.permissions import Names
from stacks.parts.roles import FUNCTION_STEPS, Roles
from stacks.parts.state_machine import StateMachine
from stacks.parts.training_bundle import TrainingBundle
from stacks.parts.unscoped import Unscoped
from stacks.parts.variables import edge_variables, function_variables
from stacks.stage_stack import StageStack
from stacks.storage_stack import StorageStack


class WorkflowStack(StageStack):
    """Everything without a state.

    Attributes:
        state_machine: The workflow.
        functions: Its functions.
        topic: Where faults and alarms go.
        bundle: The training bundle.
        decisions: What the function decides, counted; None where there is no such function.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        config: StageConfig,
        roles: Roles,
        storage: StorageStack,
    ) -> None:
        super().__init__(
            scope,
            "Workflow",
            config=config,
            description="Functions, state machine and rules of the workflow",
        )
        names = Names.of(config, model_package_group=storage.model_package_group)
        edge_bundle = EdgeBundle(self, "EdgeBundle")
        self.bundle = TrainingBundle(self, "Bundle")
        image = image_uri(config, storage.repository)
        repositories = image_repositories(self, config, storage.repository)
        self.topic = Notifications(
            self, "Notifications", key=storage.key, email=config.alarm_email
        ).topic
        Containers(
            self,
            "Containers",
            roles=roles,
            repositories=repositories,
            key=storage.key,
        )
        unscoped = Unscoped(
            self,
            "Unscoped",
            roles=roles,
            namespace=config.namespace,
            network=config.network,
            functions=(*FUNCTION_STEPS, *(("decide",) if config.decide else ())),
        )
        self.functions = Functions(
            self,
            "Functions",
            roles=roles,
            names=names,
            variables=function_variables(
                config,
                names=names,
                roles=roles,
                storage=storage,
                bundle=self.bundle,
                image=image,
                edge=edge_variables(config, names, edge_bundle),
            ),
            bundle=self.bundle,
            edge_bundle=edge_bundle,
            repositories=repositories,
            key=storage.key,
            dead_letters=self.topic,
            network=config.network,
            reserved_concurrency=config.reserved_concurrency,
            log_days=config.log_days,
            decide=config.decide,
        )
        self.decisions = None
        if config.decide:
            # Here, so that no other stack uses a log group that goes with the setting.
            self.decisions = Decisions(
                self,
                "Decisions",
                namespace=config.namespace,
                place="Function",
                log_group=self.functions.logs["decide"],
            )
        self.state_machine = StateMachine(
            self,
            "Workflow",
            roles=roles,
            functions=self.functions,
            names=names,
            key=storage.key,
            network=config.network,
            log_days=config.log_days,
        )
        # AWS looks whether the roles may trace, log and use the network when these are made.
        for needing in (self.functions, self.state_machine):
            needing.node.add_dependency(unscoped)
        Events(
            self,
            "Events",
            config=config,
            roles=roles,
            state_machine_arn=self.state_machine.arn,
            model_package_group=names.model_package_group,
            topic=self.topic,
            key=storage.key,
        )
        Parameters(
            self,
            "Parameters",
            config=config,
            values={
                "state-machine-arn": self.state_machine.arn,
                "image-uri": image,
                "endpoint-name": names.endpoint,
                "model-package-group": names.model_package_group,
                "artifact-bucket": storage.bucket.bucket_name,
            },
        )
