"""What a device knows again after it was switched off: components, configurations, targets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_mode.greengrass.installation import Installation

_FILE = "device.json"


@dataclass
class Remembered:
    """What is installed.

    Attributes:
        installed: By the component's name.
        configurations: By the component's name.
        targets: By the ARN of a thing group, the components that it gave the device.
    """

    installed: dict[str, Installation] = field(default_factory=dict)
    configurations: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: dict[str, set[str]] = field(default_factory=dict)


def save(
    folder: Path,
    installed: Iterable[Installation],
    configurations: Mapping[str, Mapping[str, Any]],
    targets: Mapping[str, Iterable[str]],
) -> None:
    """Write what the device knows."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "components": [
            {"recipe": it.recipe, "configuration": configurations.get(it.name, {})}
            for it in installed
        ],
        "targets": {target: sorted(names) for target, names in targets.items()},
    }
    aside = folder / f"{_FILE}.tmp"
    aside.write_text(json.dumps(document))
    aside.replace(folder / _FILE)


def load(folder: Path, root: Path) -> Remembered:
    """Return what the device knew; nothing for a new one, or if it cannot be read.

    Args:
        folder: The device's.
        root: The folder by the name that its programs get.
    """
    try:
        document = json.loads((folder / _FILE).read_text())
        found = Remembered(
            targets={target: set(names) for target, names in document["targets"].items()}
        )
        for item in document["components"]:
            installation = Installation(root, item["recipe"])
            found.installed[installation.name] = installation
            found.configurations[installation.name] = dict(item["configuration"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Remembered()
    return found
