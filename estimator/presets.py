"""What a bundle's preset says of its toolkit, read from the bundle's files."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from estimator.bundle import Bundle
from estimator.errors import EstimatorError
from estimator.toolkits import OWN, RLToolkit, find_toolkit, nearest

OWN_BUNDLE = Path("autoscaling_rl") / "presets.py"
"""What this project's bundle has, and no other."""

DEFAULT_PRESET = "hindsight-autoscaling"
"""What this project's train.py takes where no preset is named."""

CHECKPOINTS = "/opt/ml/checkpoints"


def trains_here(bundle: Bundle) -> bool:
    """Return whether a bundle's program is this project's own train.py."""
    own = bundle.folder is not None and (bundle.folder / OWN_BUNDLE).is_file()
    return own and bundle.program == "train.py"


def check_defaults(
    bundle: Bundle,
    toolkit: RLToolkit | None,
    hyperparameters: Mapping[str, object],
    *,
    checkpoint_local_path: str | None,
) -> None:
    """Check that what this project's train.py does by itself is what was asked for.

    Raises:
        EstimatorError: If no preset is named and the default one trains with another toolkit, or
            checkpoints are looked for where it writes none.
    """
    if not trains_here(bundle):
        return
    check_preset(bundle, toolkit, {"preset": DEFAULT_PRESET, **hyperparameters})
    if checkpoint_local_path is not None and checkpoint_local_path.rstrip("/") != CHECKPOINTS:
        raise EstimatorError(
            f"checkpoint_local_path is {checkpoint_local_path!r}, but train.py writes its "
            f"checkpoints to {CHECKPOINTS}: leave it out"
        )


def check_preset(
    bundle: Bundle, toolkit: RLToolkit | None, hyperparameters: Mapping[str, object]
) -> None:
    """Check that a preset in the bundle trains with the toolkit that chose the image.

    Raises:
        EstimatorError: If it trains with another one.
    """
    preset = hyperparameters.get("preset")
    if toolkit not in OWN or bundle.folder is None or not isinstance(preset, str):
        return
    path = bundle.folder / "presets" / f"{preset}.toml"
    if preset.endswith(".toml"):
        path = dict(bundle.files()).get(preset.removeprefix("./"), path)
    _check_known(bundle, path)
    if "toolkit" in hyperparameters or not path.is_file():
        return
    try:
        trains_with = tomllib.loads(path.read_text("utf-8")).get("toolkit")
    except (OSError, ValueError):  # the job says what is wrong with it
        return
    if trains_with != toolkit.value and trains_with in {one.value for one in OWN}:
        framework = OWN[find_toolkit(trains_with)].value
        raise EstimatorError(
            f"the preset {preset} trains with {trains_with}, and toolkit is {toolkit.value!r}: "
            f"write toolkit={trains_with!r}, framework={framework!r}, or choose another preset"
        )


def _check_known(bundle: Bundle, path: Path) -> None:
    """Refuse a name that the bundle's own train.py would not know; other bundles say so later.

    Raises:
        EstimatorError: If there is no such preset.
    """
    # What ends in .toml is a path, and may come through a channel.
    if trains_here(bundle) and not path.stem.endswith(".toml") and not path.is_file():
        known = [one.stem for one in path.parent.glob("*.toml")]
        raise EstimatorError(
            f"hyperparameters: {bundle.folder} has no preset {path.stem!r}"
            f"{nearest(path.stem, known)} (or give the path of a .toml file of the bundle)"
        )
