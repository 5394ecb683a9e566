"""What the handlers' environment variables say, read from the checkout as data."""

import hashlib
import json
from pathlib import Path

from local_mode.deployment import Deployment
from local_mode.errors import UserError
from local_mode.packing import tar_gz

# A change of the endpoint takes seconds here, not minutes.
_POLL_SECONDS = 1
# A device here answers within seconds, or is not there at all.
_FOLLOW_SECONDS = 120


def read_text(path: Path) -> str:
    """Return the content of a file of the checkout.

    Raises:
        UserError: If it is missing.
    """
    try:
        return path.read_text()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; restore it from the repository") from None


def preset_names(source: Path, default: str) -> list[str]:
    """Return the names of the presets in the bundle, the default one first.

    Raises:
        UserError: If there is none.
    """
    names = sorted(path.stem for path in (source / "presets").glob("*.toml"))
    if not names:
        raise UserError(f"{source / 'presets'}: holds no preset; restore training_src")
    return sorted(names, key=lambda name: name != default)


def function_variables(names: Deployment, source: Path, default_preset: str) -> dict[str, str]:
    """Return the environment variables of every handler.

    Args:
        names: The deployment.
        source: The training bundle, for its presets and metric definitions.
        default_preset: The preset of executions that name none.

    Raises:
        UserError: If the bundle is incomplete.
    """
    metrics = json.loads(read_text(source / "metrics.json"))
    return {
        "PROJECT": names.project,
        "STAGE": names.stage,
        "ARTIFACT_BUCKET": names.bucket,
        "SOURCE_S3_URI": names.source_s3_uri,
        "SOURCE_SHA256": hashlib.sha256(tar_gz(source)).hexdigest(),
        "IMAGE_URI": names.image_uri,
        "TRAINING_ROLE_ARN": names.role_arn,
        "MODEL_PACKAGE_GROUP": names.model_package_group,
        "ENDPOINT_NAME": names.endpoint_name,
        "ENDPOINT_INSTANCE_TYPE": "ml.c7i.large",
        "POLL_SECONDS": str(_POLL_SECONDS),
        "PRESETS": ",".join(preset_names(source, default_preset)),
        "METRIC_DEFINITIONS": json.dumps(metrics, separators=(",", ":")),
        "KMS_KEY_ARN": "",
        "EDGE_SOURCE_S3_URI": names.edge_source_s3_uri,
        "COMPONENT_ARN": names.component_arn,
        "COMPONENT_VERSIONS": "1.0",
        "THING_GROUP_ARN": names.thing_group_arn,
        "EDGE_FOLLOW_SECONDS": str(_FOLLOW_SECONDS),
    }


def substitutions_of(variables: dict[str, str]) -> dict[str, str]:
    """Return what `${ImageUri}` and the like stand for: each variable, named as in a template."""
    return {
        "".join(word.title() for word in name.split("_")): json.dumps(value)[1:-1]
        for name, value in variables.items()
    }
