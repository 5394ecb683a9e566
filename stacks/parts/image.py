"""Which image jobs and endpoints run."""

from aws_cdk import aws_ecr as ecr

from stacks.config import StageConfig


def image_uri(config: StageConfig, repository: ecr.IRepository) -> str:
    """Return the configured image, or that of the stage's own repository.

    Args:
        config: The stage.
        repository: The stage's own repository.
    """
    return config.image_uri or repository.repository_uri_for_tag(config.image_tag)
