"""The training bundle's presets, as data."""

import tomllib
from pathlib import Path

from stacks.errors import ConfigError

PRESETS = Path(__file__).resolve().parents[1] / "training_src" / "presets"
DEFAULT_PRESET = "hindsight-autoscaling"
"""What executions train that name none."""

SB3 = "sb3"
"""The toolkit that needs PyTorch, and whose jobs alone can be of several instances."""


def toolkits() -> dict[str, str]:
    """Return the toolkits of the bundle's presets, by their names, the default preset first.

    Raises:
        ConfigError: There is no default preset.
    """
    paths = sorted(PRESETS.glob("*.toml"), key=lambda it: (it.stem != DEFAULT_PRESET, it.stem))
    found = {it.stem: str(tomllib.loads(it.read_text("utf-8")).get("toolkit")) for it in paths}
    if DEFAULT_PRESET not in found:
        raise ConfigError(f"training_src/presets/{DEFAULT_PRESET}.toml: is missing; restore it")
    return found
