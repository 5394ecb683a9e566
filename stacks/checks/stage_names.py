"""What a stage is called and which number it has, checked: names and versions are made of them."""

import re

from stacks.config import STAGES, StageConfig

_STAGE = re.compile("[a-z][a-z0-9]*")
LONGEST_PREFIX = 32
"""Characters of `<project>-<stage>`: with the longest ending a role's name has 64."""
_LARGEST_NUMBER = 999


def name_problems(config: StageConfig) -> list[str]:
    """Return what is wrong with a stage's name and number, a line each."""
    problems = []
    if config.project.startswith(("aws", "ssm")):
        problems.append(
            f"project: parameters may not begin with {config.project[:3]}; choose another name"
        )
    if not _STAGE.fullmatch(config.stage):
        problems.append(
            f"stage: {config.stage!r} is no name; use lower-case letters and digits, a letter first"
        )
    if config.stage == "pipeline":
        problems.append("stage: -c stage=pipeline is what delivers the stages; choose another name")
    if len(config.prefix) > LONGEST_PREFIX:
        problems.append(
            f"project: {config.prefix} is longer than {LONGEST_PREFIX} characters; shorten it"
        )
    return problems + _number_problems(config)


def _number_problems(config: StageConfig) -> list[str]:
    if not 0 <= config.number <= _LARGEST_NUMBER:
        return [f"number: {config.number} must be within 0 and {_LARGEST_NUMBER}"]
    others = {
        each.number: name
        for name, each in STAGES.items()
        if name != config.stage and isinstance(each.number, int)
    }
    if config.number not in others:
        return []
    free = next(it for it in range(len(STAGES) + 1) if it not in {*others, config.number})
    return [
        f"number: {config.number} is that of {others[config.number]}, too; give the newer of the "
        f"two its own, such as number={free}"
    ]
