"""Who may do what in a stage, from its templates, as one table in Markdown.

python -m stacks.role_table --stage dev
python -m stacks.role_table --stage dev --write docs/security.md
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stacks.checked_config import stage_config
from stacks.config import STAGES
from stacks.errors import ConfigError
from stacks.pages import PROJECT, stage_templates, table, write_block
from stacks.security.grants import Grant, Grants

COMMAND = "python -m stacks.role_table --stage dev --write docs/security.md"

_HEADER = ("who", "assumed by", "may", "on", "if", "says the policy of")


def role_table(templates: Mapping[str, Mapping[str, object]]) -> str:
    """Return the table: roles in the templates' order, then services, the account, everybody.

    Args:
        templates: Of a stage, by the names of the stacks.

    Raises:
        ValueError: A policy holds what is not known here.
    """
    grants = Grants(templates)
    rows: list[tuple[str, ...]] = []
    for who, assumed_by in grants.roles.items():
        own = [grant for grant in grants.all if grant.who == who]
        rows += _rows(f"**{who}**", assumed_by, own)
    others = dict.fromkeys(it.who for it in grants.all if it.who not in grants.roles)
    for who in others:
        rows += _rows(f"*{who}*", "", [it for it in grants.all if it.who == who])
    return table(_HEADER, rows)


def _rows(who: str, assumed_by: str, grants: Sequence[Grant]) -> Iterable[tuple[str, ...]]:
    if not grants:
        yield (who, assumed_by, "nothing in this stage", "", "", "")
    for number, grant in enumerate(grants):
        first = (who, assumed_by) if number == 0 else ("", "")
        yield (*first, _may(grant), _list(grant.resources), _list(grant.conditions), grant.by)


def _may(grant: Grant) -> str:
    services: dict[str, list[str]] = {}
    for action in grant.actions:
        service, _, name = action.partition(":")
        services.setdefault(service, []).append(name)
    never = "" if grant.allows else "**never** "
    return "<br>".join(
        f"{never}{service}: `{', '.join(names)}`" for service, names in services.items()
    )


def _list(texts: Sequence[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or put it on a page; return the exit status."""
    parser = argparse.ArgumentParser(description="Who may do what in a stage, as Markdown.")
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--project", default=PROJECT)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put it there instead")
    arguments = parser.parse_args(argv)
    try:
        config = stage_config(arguments.project, arguments.stage)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    text = role_table(stage_templates(config))
    if arguments.write:
        write_block(arguments.write, COMMAND, text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
