"""List prices with their sources, and the rows that multiply them, see `stacks/prices.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "prices.toml"

HOURS = 730
"""Hours of a month."""


class CostError(Exception):
    """Something that costs and that nobody has looked up; the message says what to add where."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a unit costs, and how far that is known.

    Attributes:
        name: As in the file; `training TYPE` and `hosting TYPE` for instances.
        usd: US dollars for `per` units.
        per: Number of units.
        unit: In the plural where `per` is above 1.
        page: AWS's own page about it.
        source: Name of what the number was read in.
        what: What that is.
        url: Where that is; empty: it is `page`.
        date: When it was valid, ISO 8601, or what is known instead.
        confirmed: Read in what AWS says, or in a copy of it.
        note: What else to know; empty: nothing.
    """

    name: str
    usd: float
    per: int = 1
    unit: str
    page: str
    source: str
    what: str
    url: str
    date: str
    confirmed: bool
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A quantity at a price.

    Attributes:
        what: What is paid for.
        quantity: In the price's unit.
        price: The price.
        spot: Spot instances make it cheaper.
    """

    what: str
    quantity: float
    price: Price
    spot: bool = False

    @property
    def usd(self) -> float:
        """US dollars, on demand."""
        return self.quantity * self.price.usd / self.price.per


def total(rows: Iterable[Row], *, spot_saving: float = 0) -> float:
    """Return the sum of rows in US dollars.

    Args:
        rows: The rows.
        spot_saving: Share of the price that spot instances save, of what they make cheaper.
    """
    return sum(row.usd * (1 - spot_saving if row.spot else 1) for row in rows)


@dataclass(frozen=True)
class Prices:
    """Prices by name.

    Attributes:
        region: Where they hold.
        all: The prices.
    """

    region: str
    all: Mapping[str, Price]

    def row(self, name: str, what: str, quantity: float, *, spot: bool = False) -> Row:
        """Return a row.

        Args:
            name: Of the price.
            what: What is paid for.
            quantity: In the price's unit.
            spot: Spot instances make it cheaper.

        Raises:
            CostError: There is no such price.
        """
        if name not in self.all:
            use, _, kind = name.partition(" ")
            place = f'[{use}.usd] "{kind}"' if kind else f"[prices.{name}]"
            raise CostError(f"{name}: has no price; add {place} to stacks/prices.toml")
        return Row(what=what, quantity=quantity, price=self.all[name], spot=spot)


def read_prices(file: Path = FILE) -> Prices:
    """Read prices.

    Args:
        file: TOML, as `stacks/prices.toml`.

    Raises:
        CostError: A price names a source that the file does not have.
    """
    data = tomllib.loads(file.read_text())
    prices = {name: _price(name, entry, data) for name, entry in data["prices"].items()}
    for use in ("training", "hosting"):
        for kind, usd in data[use]["usd"].items():
            name = f"{use} {kind}"
            prices[name] = _price(name, {**data[use], "usd": usd}, data)
    return Prices(data["region"], prices)


def _price(name: str, entry: Mapping[str, Any], data: Mapping[str, Any]) -> Price:
    if entry["source"] not in data["sources"]:
        raise CostError(f"stacks/prices.toml, {name}: source {entry['source']!r} is not among them")
    source = data["sources"][entry["source"]]
    return Price(
        name=name,
        usd=float(entry["usd"]),
        per=entry.get("per", 1),
        unit=entry["unit"],
        page=entry["page"],
        source=entry["source"],
        what=source["what"],
        url=source.get("url", ""),
        date=str(entry.get("date", source["date"])),
        confirmed=entry["confirmed"],
        note=entry.get("note", ""),
    )
