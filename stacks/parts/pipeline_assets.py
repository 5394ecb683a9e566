"""How the pipeline publishes assets: by a tool that is older than the library."""

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import pipelines

WRITTEN_SCHEMA, READ_SCHEMA = "55.0.0", "54.0.0"
"""Of the asset manifests: what the library writes, and the newest that `cdk-assets` reads."""


def asset_publishing() -> pipelines.CodeBuildOptions:
    """Return what is added to the project that publishes assets.

    The newest `cdk-assets` refuses a manifest of the library by its number alone: the schemas of
    asset manifests 54 and 55 are the same file. So that number, and no other, is replaced before
    anything is published. A test fails as soon as `cdk-assets` reads what the library writes:
    then this module goes.
    """
    # The build starts in the unpacked assembly; the manifests of stages lie in folders of theirs.
    manifests = "find . -name '*.assets.json'"
    expression = f's/"version": "{WRITTEN_SCHEMA}"/"version": "{READ_SCHEMA}"/'
    return pipelines.CodeBuildOptions(
        partial_build_spec=codebuild.BuildSpec.from_object(
            {
                "phases": {
                    "install": {"commands": [f"{manifests} -exec sed -i '{expression}' {{}} +"]}
                }
            }
        )
    )
