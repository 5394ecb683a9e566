"""What a bundle's preset says of its toolkit, read from the bundle's files."""

import tomllib
from collections.abc import Mapping

from estimator.bundle import Bundle
from estimator.errors import EstimatorError
from estimator.toolkits import OWN, RLToolkit, find_toolkit


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
    if "toolkit" in hyperparameters or not path.is_file():
        return
    try:
        trains_with = tomllib.loads(path.read_text("utf-8")).get("toolkit")
    except (OSError, ValueError):  # the job says what is wrong with it
        return
    if trains_with is not None and trains_with != toolkit.value:
        framework = OWN[find_toolkit(trains_with)].value
        raise EstimatorError(
            f"the preset {preset} trains with {trains_with}, and toolkit is {toolkit.value!r}: "
            f"write toolkit={trains_with!r}, framework={framework!r}, or choose another preset"
        )
