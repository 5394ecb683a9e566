"""How things are said: names of the autoscalers, figures as text, the headline."""

import html
import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from autoscaling_rl.report.comparison import Comparison

NOTHING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"


class Description(NamedTuple):
    """What readers are told about a policy.

    Attributes:
        label: for tables and charts.
        phrase: for sentences.
        explanation: what it does, in one line.
    """

    label: str
    phrase: str
    explanation: str


DESCRIPTIONS = {
    "policy": Description("Policy", "the policy", "The trained policy of this run."),
    "static_best": Description(
        "Static, best in hindsight",
        "the best fixed fleet",
        "A fixed number of machines, the best one for this very load: known only afterwards.",
    ),
    "step_scaling": Description(
        "Step scaling",
        "step scaling",
        "AWS step scaling with the steps of its own example: adds or removes 10 or 30 % of the "
        "machines when utilisation leaves 40 to 60 %.",
    ),
    "target_tracking_60": Description(
        "Target tracking 60 %",
        "target tracking at 60 %",
        "AWS target tracking with a usual target: 60 % utilisation.",
    ),
    "target_tracking_tuned": Description(
        "Target tracking, tuned",
        "tuned target tracking",
        "AWS target tracking with the target that was cheapest on the days before.",
    ),
    "hpa_tuned": Description(
        "Kubernetes HPA, tuned",
        "the tuned Kubernetes autoscaler",
        "The horizontal pod autoscaler with the target that was cheapest on the days before.",
    ),
    "predictive_tuned": Description(
        "Predictive, tuned",
        "tuned predictive scaling",
        "An hourly forecast sets the least number of machines, target tracking may ask for more; "
        "target tuned on the days before.",
    ),
    "seasonal_tuned": Description(
        "Seasonal, tuned",
        "tuned seasonal scaling",
        "Machines for what the same minutes of the past week lead to expect, plus a headroom "
        "tuned on the days before.",
    ),
    "peak_hold_tuned": Description(
        "Peak hold, tuned",
        "tuned peak hold",
        "Machines for the highest load of the last minutes plus a headroom, both tuned on the "
        "days before: two numbers, and hard to beat.",
    ),
    "oracle": Description(
        "Oracle",
        "the oracle",
        "Knows all future load: the least cost that is possible at all where every boot takes "
        "the same time, a reference where boot times differ.",
    ),
    "random": Description("Random", "a random policy", "Chooses every action at random."),
}


def describe(name: str) -> Description:
    """Return the description of a policy; one that is not known goes by its name."""
    return DESCRIPTIONS.get(name) or Description(name, name, "")


def escaped(text: object) -> str:
    """Return text that is safe in HTML, in attributes too."""
    characters = (
        "?" if unicodedata.category(each) in ("Cc", "Cs", "Cn") else each for each in str(text)
    )
    return html.escape("".join(characters))


def number(value: float | None, digits: int = 0) -> str:
    """Return a figure with thousands set apart; a dash for None, nan and infinity."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if text.startswith("-"):
        # What rounds to zero has no sign.
        return text.replace("-", "\N{MINUS SIGN}" if any(map(text.count, "123456789")) else "")
    return text


def short(value: float) -> str:
    """Return a figure for an axis: few digits, k or M for large ones."""
    for scale, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= (scale if scale > 1e3 else 1e4):
            return f"{value / scale:.6g}".replace("-", "\N{MINUS SIGN}") + f"{SPACE}{suffix}"
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage."""
    text = number(None if fraction is None else 100 * fraction, digits)
    return text if text == NOTHING else f"{text}{SPACE}%"


def share(fraction: float) -> str:
    """Return a probability as a percentage with as many digits as it needs."""
    return f"{100 * fraction:.3g}{SPACE}%"


def signed(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage with its sign."""
    text = percent(fraction, digits)
    return f"+{text}" if fraction and fraction > 0 and text != percent(0.0, digits) else text


def interval(comparison: Comparison) -> str:
    """Return the interval of a saving."""
    if comparison.lower is None or comparison.upper is None:
        return "no interval"
    return f"{percent(comparison.lower)} to {percent(comparison.upper)}"


def list_words(items: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def plural(count: int, noun: str) -> str:
    """Return "1 window" or "2 windows"."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
