"""What a stage costs, from its settings, its templates and list prices, as Markdown.

    python -m stacks.cost --stage dev
    python -m stacks.cost --all --write docs/cost.md

Prices are in `stacks/prices.toml`, assumed volumes in `stacks/costs/volumes.py`. Exit status: 0, or
2 where something has no price.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stacks.checked_config import stage_config
from stacks.config import STAGES
from stacks.costs.markdown import page
from stacks.costs.prices import CostError, read_prices
from stacks.costs.stage import stage_cost
from stacks.costs.volumes import Volumes
from stacks.errors import ConfigError
from stacks.pages import PROJECT, stage_templates, write_block

COMMAND = "python -m stacks.cost --all --write docs/cost.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what stages cost, or put it on a page; return the exit status."""
    arguments = _parser().parse_args(argv)
    stages = STAGES if arguments.all else [arguments.stage]
    prices, volumes = read_prices(), Volumes()
    try:
        configs = [stage_config(arguments.project, stage) for stage in stages]
        costs = [
            stage_cost(it, stage_templates(it), prices=prices, volumes=volumes) for it in configs
        ]
    except (ConfigError, CostError) as error:
        print(error, file=sys.stderr)
        return 2
    text = page(costs, volumes)
    if arguments.write:
        write_block(arguments.write, COMMAND, text)
    else:
        print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What a stage costs, as Markdown.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--stage", choices=STAGES)
    which.add_argument("--all", action="store_true", help="every stage")
    parser.add_argument("--project", default=PROJECT)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put it there instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
