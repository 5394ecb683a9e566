"""Print the score table of an execution as Markdown, from its scorecard.

    python tools/score_table.py SCORECARD_JSON [--output OUTPUT_JSON] [--title TEXT]

Everything in a scorecard was written by a job, so nothing of it is taken for Markdown.

Exit status: 0, or 2 where a file is not what it should be.
"""

import argparse
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.json_object import read_object

POLICY = "policy"
LONGEST = 500
"""Characters of a text that is passed on."""

COLUMNS = {
    "failed_percent": ("failed work", "{:.3f} %"),
    "machine_hours": ("machine-hours", "{:,.0f}"),
    "J_over_oracle": ("J over the oracle's", "{:.3f}"),
    "gap_closed": ("gap closed", "{:.2f}"),
}
"""Figures of a scorecard; one that no policy has makes no column."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("scorecard", type=Path)
    parser.add_argument("--output", type=Path, help="file with the execution's output")
    parser.add_argument("--title", help="heading above the table")
    arguments = parser.parse_args(argv)
    try:
        card = read_object(arguments.scorecard)
        output = read_object(arguments.output) if arguments.output else {}
    except ValueError as error:
        return _mistake(error)
    try:
        print(render(card, output=output, title=arguments.title))
    except ValueError as error:
        return _mistake(f"{arguments.scorecard}: {error}")
    return 0


def _mistake(message: object) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def render(
    card: Mapping[str, Any], *, output: Mapping[str, Any] | None = None, title: str | None = None
) -> str:
    """Return the table, best policy first, with what the gate said above it.

    Args:
        card: The scorecard, as the evaluation job writes it.
        output: The execution's output.
        title: Heading.

    Raises:
        ValueError: It is no scorecard.
    """
    metric, policies = card.get("metric"), card.get("policies")
    if metric not in ("J", "return") or not isinstance(policies, dict) or POLICY not in policies:
        raise ValueError('it is no scorecard: it needs "metric" and "policies" with "policy"')
    totals = {name: _total(name, figures) for name, figures in policies.items()}
    order = sorted(totals, key=lambda name: totals[name] * (1 if metric == "J" else -1))
    columns = [
        key for key in COLUMNS if any(_figure(each, key) is not None for each in policies.values())
    ]
    heads = ["policy", *(COLUMNS[key][0] for key in columns), f"total {metric}"]
    rows = [
        [_name(name), *_cells(policies[name], columns), f"{totals[name]:,.0f}"] for name in order
    ]
    lines = [f"### {plain(title)}", ""] if title else []
    if output:
        lines += [f"**{plain(output.get('status'))}.** {plain(output.get('reason'))}", ""]
    return "\n".join([*lines, _row(heads), "|" + "---|" * len(heads), *map(_row, rows)])


def _total(name: str, figures: object) -> float:
    values = figures.get("values") if isinstance(figures, dict) else None
    if not isinstance(values, list) or not all(_is_number(value) for value in values):
        raise ValueError(f"it is no scorecard: policies.{plain(name)}.values must be numbers")
    return math.fsum(values)


def _cells(figures: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    found = [(COLUMNS[key][1], _figure(figures, key)) for key in columns]
    return ["-" if value is None else form.format(value) for form, value in found]


def _figure(figures: Mapping[str, Any], key: str) -> float | None:
    value = figures.get(key)
    return float(value) if value is not None and _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _name(name: str) -> str:
    words = plain(name.replace("_", " "))
    return f"**the {words}**" if name == POLICY else words


def plain(text: object) -> str:
    """Return a text as one line that Markdown shows as it is, and that mentions nobody."""
    line = " ".join(str(text).split())[:LONGEST]
    return re.sub(r"[^\w\s.,:;%()+=?'\"/-]", lambda match: f"&#{ord(match[0])};", line).replace(
        "_", "&#95;"
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
