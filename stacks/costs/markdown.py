"""The tables as Markdown."""

from collections.abc import Callable, Sequence

from stacks.costs.prices import Price, Row, total
from stacks.costs.stage import StageCost
from stacks.costs.volumes import Volumes, assumptions
from stacks.pages import table

_UNCONFIRMED = "†"
_ROW_HEADER = ("what", "quantity", "price", "USD")


def page(costs: Sequence[StageCost], volumes: Volumes) -> str:
    """Return everything: sums, rows, assumptions, the prices that are used, and their sources.

    Args:
        costs: The stages.
        volumes: What was assumed.
    """
    prices = sorted({row.price for cost in costs for row in cost.rows}, key=lambda it: it.name)
    return "\n\n".join(
        [
            "### Sums",
            _sums(costs, volumes),
            f"{_UNCONFIRMED} holds a price that is not confirmed.",
            *(part for cost in costs for part in _stage(cost, volumes)),
            "### What is assumed",
            _assumptions(volumes),
            "### Prices and where they were read",
            _prices(prices),
            _sources(prices),
        ]
    )


def _sums(costs: Sequence[StageCost], volumes: Volumes) -> str:
    saving, memory = volumes.spot_saving, volumes.serverless_memory_mb
    lines: list[tuple[str, Callable[[StageCost], list[Row]], float]] = [
        ("a month idle, without endpoint", lambda it: it.idle, 0),
        ("an execution, on demand", lambda it: it.execution, 0),
        (f"an execution, spot saving {saving:.0%}", lambda it: it.execution, saving),
        ("a month of the endpoint", lambda it: it.endpoint, 0),
        ("a month of it with the most instances", lambda it: it.most, 0),
        (f"the same requests serverless, {memory:g} MB", lambda it: it.serverless, 0),
        ("the same requests to the function that decides", lambda it: it.decide, 0),
    ]
    rows = [
        (name, *(_sum(pick(cost), spot_saving=spot) for cost in costs))
        for name, pick, spot in lines
        if any(pick(cost) for cost in costs)
    ]
    return table(("USD", *(cost.stage for cost in costs)), rows)


def _sum(rows: Sequence[Row], *, spot_saving: float) -> str:
    if not rows:
        return "-"
    mark = "" if all(row.price.confirmed for row in rows) else f" {_UNCONFIRMED}"
    return f"{total(rows, spot_saving=spot_saving):,.2f}{mark}"


def _stage(cost: StageCost, volumes: Volumes) -> list[str]:
    groups = {
        "a month in which nothing happens, the endpoint left out": cost.idle,
        "an execution that trains, passes the gate and deploys, to devices too": cost.execution,
        "a month of the endpoint": cost.endpoint,
        "a month of the function that decides": cost.decide,
    }
    parts = [f"### The stage {cost.stage}"]
    for title, rows in groups.items():
        if not rows:
            continue
        sums = [("sum", "", "", f"**{total(rows):,.2f}**")]
        if any(row.spot for row in rows):
            spot = total(rows, spot_saving=volumes.spot_saving)
            sums.append(("sum with spot instances", "", "", f"**{spot:,.2f}**"))
        parts += [f"{cost.stage}: {title}", table(_ROW_HEADER, [*map(_cells, rows), *sums])]
    return parts


def _cells(row: Row) -> tuple[str, ...]:
    return (row.what, _number(row.quantity), _unit_price(row.price), f"{row.usd:,.4f}")


def _assumptions(volumes: Volumes) -> str:
    rows = [
        (name, f"{_number(value)} {unit}", why) for name, value, unit, why in assumptions(volumes)
    ]
    return table(("what", "value", "why, or of what"), rows)


def _prices(prices: Sequence[Price]) -> str:
    rows = [
        (
            price.name,
            _unit_price(price),
            price.source,
            price.date,
            f"[page]({price.page})",
            f"{_UNCONFIRMED} not confirmed: {price.note}" if not price.confirmed else price.note,
        )
        for price in prices
    ]
    return table(("price", "USD", "read in", "valid on", "AWS's", "note"), rows)


def _sources(prices: Sequence[Price]) -> str:
    found = {price.source: price for price in prices}
    rows = [
        (name, f"[{price.what}]({price.url})" if price.url else price.what)
        for name, price in sorted(found.items())
    ]
    return table(("read in", "what that is"), rows)


def _unit_price(price: Price) -> str:
    per = f"{price.per:,} " if price.per > 1 else ""
    mark = "" if price.confirmed else f" {_UNCONFIRMED}"
    return f"{price.usd:.10f}".rstrip("0").rstrip(".") + f" / {per}{price.unit}{mark}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
