"""The tree of /opt/ml: where it is, and the JSON files that SageMaker writes into it."""

import json
from collections.abc import Mapping
from pathlib import Path

from image.errors import CommandError

OPT_ML = "/opt/ml"
BASE_VARIABLE = "SAGEMAKER_BASE_DIR"


def base_folder(variables: Mapping[str, str]) -> Path:
    """Return the folder that stands for /opt/ml: another one where SAGEMAKER_BASE_DIR says so."""
    return Path(variables.get(BASE_VARIABLE) or OPT_ML).absolute()


def read_object(path: Path) -> dict[str, object]:
    """Return a JSON object; empty if there is no such file.

    Raises:
        CommandError: If it holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{path} is not as SageMaker writes it: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content


def decode(value: object) -> object:
    """Read a setting: SDK version 2 sends JSON, everyone else the text itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def decoded_text(value: object) -> str:
    """Return a setting that is a text; empty if it is absent or something else."""
    found = decode(value)
    return found if isinstance(found, str) else ""
