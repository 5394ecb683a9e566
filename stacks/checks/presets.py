"""Settings that name a preset, checked: a job would notice, once its instances are there."""

from stacks.config import StageConfig
from stacks.presets import DEFAULT_PRESET, SB3, toolkits


def preset_problems(setting: str, name: str | None, config: StageConfig) -> list[str]:
    """Return why a stage cannot train a preset, a line each.

    Args:
        setting: What names the preset.
        name: None: the default one.
        config: The stage.
    """
    known, preset = toolkits(), name or DEFAULT_PRESET
    if preset not in known:
        return [
            f"{setting}: {preset!r} is no preset of training_src/presets; choose one of "
            f"{', '.join(known)}"
        ]
    if known[preset] == SB3 and config.image_torch == "none" and not config.image_uri:
        return [
            f"{setting}: {preset} trains with {SB3}, and the image of {config.stage} has no "
            "PyTorch; set image_torch='cpu' there (docs/image.md), or choose another preset"
        ]
    return []


def retraining_problems(config: StageConfig) -> list[str]:
    """Return what is wrong with executions by the clock, a line each."""
    if not config.retrain_every_days:
        return []
    if problems := preset_problems("retrain_preset", config.retrain_preset, config):
        return problems
    known, preset = toolkits(), config.retrain_preset or DEFAULT_PRESET
    count = config.training.instance_count
    if count > 1 and known[preset] != SB3:
        sharing = [name for name, toolkit in known.items() if toolkit == SB3]
        return [
            f"training.instance_count: executions by the clock train {preset}, which takes one "
            f"instance, not {count}; set it to 1, or retrain_preset to {' or '.join(sharing)}"
        ]
    return []
