"""Tables of a report: scores, what each autoscaler does, settings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.rows import finite
from autoscaling_rl.report.words import NOTHING, describe, escaped, number, percent
from autoscaling_rl.scorecard import POLICY

HINDSIGHT = (ORACLE, "static_best")  # know what no controller knows: never marked as best

Figure = float | None
Figures = Mapping[str, Any]


class Column(NamedTuple):
    """A column of the score table.

    Attributes:
        key: of the scorecard.
        title: heading.
        text: writes a figure.
        highest: whether the highest figure is the best one.
        marked: whether the best figure is marked.
    """

    key: str
    title: str
    text: Callable[[Figure], str]
    highest: bool = False
    marked: bool = True


def _digits(digits: int) -> Callable[[Figure], str]:
    return lambda value: number(value, digits)


COSTS = (
    Column("failed_percent", "Failed work, %", _digits(3)),
    Column("machine_hours", "Machine-hours", _digits(0)),
    Column("J", "Cost J, machine-minutes", _digits(0)),
    Column("J_over_oracle", "J / oracle", _digits(3)),
    Column("gap_closed", "Gap closed", lambda value: percent(value, 0), highest=True),
    Column("slo_minutes", "SLO minutes", _digits(0)),
    Column("longest_outage_minutes", "Longest outage, min", _digits(0)),
    Column("changes_per_day", "Changes per day", _digits(1)),
)
RETURNS = (
    Column("mean", "Mean return", _digits(2), highest=True),
    Column("deviation", "Standard deviation", _digits(2), marked=False),
    Column("least", "Worst episode", _digits(2), highest=True),
    Column("median", "Median", _digits(2), highest=True),
    Column("most", "Best episode", _digits(2), highest=True),
)


def score_table(policies: Mapping[str, Figures], baseline: str | None) -> str:
    """Return the table of costs, cheapest first, with the best figure of each column marked."""
    order = sorted(policies, key=lambda name: _sortable(policies[name].get("J")))
    rows = {name: policies[name] for name in order}
    return _table(rows, COSTS, baseline) + (
        '<p class="quiet"><b class="best">Marked</b>: the best of a column among those that do not '
        "know the future. Cost J: machine-minutes plus the failure price times failed work. Gap "
        "closed: how far from tuned target tracking (0 %) towards the oracle (100 %). SLO minutes: "
        "minutes with more than 0.5 % of the load failed; longest outage: most of them in a row. "
        "Changes: minutes in which machines were added or removed.</p>"
    )


def return_table(values: Mapping[str, Sequence[Figure]], baseline: str | None) -> str:
    """Return the table of returns, the policy first."""
    order = sorted(values, key=lambda name: name != POLICY)
    return _table({name: _returns(values[name]) for name in order}, RETURNS, baseline)


def _returns(values: Sequence[Figure]) -> Figures:
    known = finite(values)
    if not len(known):
        return {}
    return {
        "mean": float(known.mean()),
        "deviation": float(known.std(ddof=1)) if len(known) > 1 else None,
        "least": float(known.min()),
        "median": float(np.median(known)),
        "most": float(known.max()),
    }


def _sortable(value: Figure) -> float:
    return value if value is not None and np.isfinite(value) else float("inf")


def _table(rows: Mapping[str, Figures], columns: Sequence[Column], baseline: str | None) -> str:
    best = {column.key: _best(rows, column) for column in columns}
    head = "".join(f'<th scope="col">{column.title}</th>' for column in columns)
    body = []
    for name, figures in rows.items():
        kind = {POLICY: "policy", ORACLE: "oracle", baseline: "baseline"}.get(name, "other")
        mark = ' <small class="tag">compared with</small>' if name == baseline else ""
        marks: Mapping[str, str | None] = {} if name in HINDSIGHT else best
        cells = "".join(_cell(figures.get(each.key), each, marks.get(each.key)) for each in columns)
        title = escaped(describe(name).label)
        body.append(
            f'<tr class="{kind}"><th scope="row"><i class="key {kind}"></i>{title}{mark}'
            f"<code>{escaped(name)}</code></th>{cells}</tr>"
        )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Score table"><table>'
        f'<thead><tr><th scope="col">Policy</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _best(rows: Mapping[str, Figures], column: Column) -> str | None:
    """Return the text of the best figure: what reads the same is as good; None if all do."""
    found = (figures.get(column.key) for name, figures in rows.items() if name not in HINDSIGHT)
    known = [value for value in found if value is not None and np.isfinite(value)]
    if len(set(map(column.text, known))) < 2 or not column.marked:
        return None
    return column.text(max(known) if column.highest else min(known))


def _cell(value: Figure, column: Column, best: str | None) -> str:
    text = column.text(value)
    if text == NOTHING:
        return f'<td class="quiet">{text}</td>'
    return f'<td><b class="best">{text}</b></td>' if text == best else f"<td>{text}</td>"


def explanations(names: Sequence[str]) -> str:
    """Return what each autoscaler does, in a line each."""
    known = [(name, describe(name)) for name in names if describe(name).explanation]
    lines = (f"<div><dt>{each.label}</dt><dd>{each.explanation}</dd></div>" for _, each in known)
    return f'<dl class="who">{"".join(lines)}</dl>'


def knob_table(knobs: Mapping[str, Mapping[str, float]]) -> str:
    """Return the knobs that were chosen for each baseline."""
    rows = {
        describe(name).label: ", ".join(f"{knob} {value:g}" for knob, value in chosen.items())
        for name, chosen in knobs.items()
        if chosen
    }
    return pairs(rows) if rows else '<p class="quiet">No baseline has knobs.</p>'


def pairs(settings: Mapping[str, object]) -> str:
    """Return a table of names and values; tables within tables get dotted names."""
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>'
        for name, value in _flat(settings)
    )
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def _flat(settings: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        place = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{place}.")
        elif isinstance(value, list | tuple):
            rows.append((place, ", ".join(map(str, value)) or NOTHING))
        else:
            rows.append((place, NOTHING if value is None or value == {} else str(value)))
    return rows
