"""Files that a preset names: they travel in the bundle, or come through an input channel."""

from collections.abc import Mapping
from pathlib import Path

from autoscaling_rl.errors import UserError

BUNDLE = Path(__file__).parents[1]
# What these hold has its own form, and comes from others than those who write presets.
_OTHER_CHANNELS = ("checkpoint", "code", "load", "model")
_folders: list[Path] = []


def look_in_channels(channels: Mapping[str, Path]) -> None:
    """Let presets name files in the input channels of this job.

    Args:
        channels: folders by name; those for loads, models and code are left out.
    """
    _folders[:] = [folder for name, folder in channels.items() if name not in _OTHER_CHANNELS]


def find_file(name: str, suffix: str) -> Path:
    """Return the file of that name: in the bundle, a channel, or the working folder.

    Args:
        name: a path relative to one of these, or an absolute one.
        suffix: what it must end in.

    Raises:
        UserError: if there is none, with the places that were looked at.
    """
    if not name.endswith(suffix):
        raise UserError(f"{name} must be a {suffix} file")
    places = [BUNDLE, *_folders, Path.cwd()]
    for place in places:
        if (place / name).is_file():
            return (place / name).resolve()
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise UserError(
        f"there is no file {name}: put it into the bundle, beside train.py, or into an input"
        f" channel (looked in {looked})"
    )
