"""The names of further groups of devices in a stage's configuration, checked."""

import re
from dataclasses import replace

from stacks.config import STAGES, StageConfig

_NAME = re.compile(r"[A-Za-z0-9:_-]{1,128}")
LONGEST = 256
"""Characters of all names, with the commas between them: functions take 4 KB of variables."""


def group_problems(config: StageConfig) -> list[str]:
    """Return what is wrong with `edge.thing_groups`, a line each."""
    problems, given = [], config.edge.thing_groups
    others = {
        replace(config, stage=name).thing_group: name for name in STAGES if name != config.stage
    }
    for name in given:
        if not _NAME.fullmatch(name):
            problems.append(
                f"edge.thing_groups: {name!r} is no thing group's name; use letters, digits, ':', "
                "'_' and '-', 128 at most"
            )
        elif name in others:
            problems.append(
                f"edge.thing_groups: {name} is the group of {others[name]}, whose devices cannot "
                "read what this stage publishes; leave it out"
            )
    if len(",".join(given)) > LONGEST:
        problems.append(
            f"edge.thing_groups: together longer than {LONGEST} characters, and functions take "
            "4 KB of variables; shorten or leave out some"
        )
    return problems
