"""What outlives a change of the workflow: key, bucket, images, model registry, devices' log."""

from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.artifact_bucket import ArtifactBucket
from stacks.parts.clean_up import CleanUp
from stacks.parts.edge_logs import EdgeLogs
from stacks.parts.encryption import Encryption
from stacks.parts.image_repository import ImageRepository
from stacks.parts.model_registry import ModelRegistry
from stacks.parts.permissions import Names
from stacks.parts.roles import Roles
from stacks.stage_stack import StageStack


class StorageStack(StageStack):
    """Everything with a state.

    Attributes:
        key: Encrypts everything of the stage.
        bucket: Jobs, models, loads, reports.
        repository: Images.
        model_package_group: Name of the model package group.
    """

    def __init__(self, scope: Construct, *, config: StageConfig, roles: Roles) -> None:
        super().__init__(
            scope,
            "Storage",
            config=config,
            description="Key, bucket, images and model registry of the workflow",
        )
        retain = config.retain_data
        self.key = Encryption(self, "Encryption", prefix=config.prefix, retain=retain).key
        artifacts = ArtifactBucket(
            self,
            "Artifacts",
            key=self.key,
            retain=retain,
            access_logs_bucket=config.access_logs_bucket,
            replica=config.replica,
        )
        unused = () if config.decide else ("decide",)
        artifacts.share({step: it for step, it in roles.by_step.items() if step not in unused})
        self.bucket = artifacts.bucket
        self.repository = ImageRepository(self, "Images", key=self.key, retain=retain).repository
        if config.edge.logs:
            EdgeLogs(
                self,
                "EdgeLogs",
                component=config.component,
                roles=roles,
                key=self.key,
                days=config.log_days,
            )
        registry = ModelRegistry(self, "Registry", prefix=config.prefix, retain=retain)
        self.model_package_group = registry.name
        if not retain:
            CleanUp(
                self,
                "CleanUp",
                config=config,
                names=Names.of(config, model_package_group=registry.name),
                roles=roles,
                buckets=artifacts.own,
                key=self.key,
                before=[registry],
            )
        # As for the roles: an image of one's own ends the use of the repository.
        self.export_value(self.repository.repository_name)
        self.export_value(self.repository.repository_arn)
