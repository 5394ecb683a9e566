"""The container that serves a policy, the same in the registry's package and on the endpoint."""

from collections.abc import Mapping


def container(
    *, image: str, source: str, model: str, variables: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Describe the container in SageMaker's form.

    Args:
        image: The image's address; its `serve` command starts the program.
        source: S3 address of the training bundle, which holds the program.
        model: S3 address of the model.tar.gz.
        variables: Further variables of the environment.
    """
    program = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    return {"Image": image, "ModelDataUrl": model, "Environment": program | dict(variables or {})}
