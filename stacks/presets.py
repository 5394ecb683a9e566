"""The training bundle's presets, as data."""

import tomllib
from pathlib import Path

PRESETS = Path(__file__).resolve().parents[1] / "training_src" / "presets"
DEFAULT_PRESET = "hindsight-autoscaling"
"""What executions train that name none."""

SHARING = "sb3"
"""The toolkit whose jobs can be of several instances."""


def toolkits() -> dict[str, str]:
    """Return the toolkits of the bundle's presets, by their names."""
    found = {}
    for path in sorted(PRESETS.glob("*.toml")):
        found[path.stem] = str(tomllib.loads(path.read_text(encoding="utf-8")).get("toolkit"))
    return found
