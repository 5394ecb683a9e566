"""The stacks of a stage, put together; `app.py` calls this with the context of the command line."""

from aws_cdk import Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.access_stack import AccessStack
from stacks.config import StageConfig
from stacks.edge_stack import EdgeStack
from stacks.monitoring_stack import MonitoringStack
from stacks.serving_stack import ServingStack
from stacks.storage_stack import StorageStack
from stacks.workflow_stack import WorkflowStack


def build(scope: Construct, config: StageConfig) -> None:
    """Add the stacks `<project>-<stage>-<Part>` to an app or to a stage of a pipeline.

    Args:
        scope: The app or stage.
        config: What to deploy.
    """
    roles = AccessStack(scope, config=config).roles
    storage = StorageStack(scope, config=config, roles=roles)
    workflow = WorkflowStack(scope, config=config, roles=roles, storage=storage)
    serving = ServingStack(scope, config=config, roles=roles, storage=storage, workflow=workflow)
    EdgeStack(scope, config=config, roles=roles, storage=storage)
    MonitoringStack(scope, config=config, workflow=workflow, serving=serving)
    Tags.of(scope).add("sagemaker:project-name", config.project)
    Tags.of(scope).add("stage", config.stage)
    if config.permissions_boundary:
        boundary = iam.ManagedPolicy.from_managed_policy_name(
            roles, "Boundary", config.permissions_boundary
        )
        iam.PermissionsBoundary.of(scope).apply(boundary)
