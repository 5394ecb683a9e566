"""Words and figures of the results page, as Markdown."""

from collections.abc import Sequence

from autoscaling_rl.report.words import describe
from autoscaling_rl.scorecard import Interval

NOTHING = "n/a"

TITLES = {
    "isp_uk": "UK academic network, 2004",
    "azure_vm_cpu": "Azure, sum of CPU, 2019",
    "nyc_taxi": "New York taxis, 2014",
    "nasa_jul": "NASA web server, 1995",
    "tweets_amzn": "tweets about Amazon, 2015",
    "tweets_goog": "tweets about Google, 2015",
    "llm_m_large": "LLM requests, one large model",
}
SHORT = {
    "isp_uk": "UK network",
    "azure_vm_cpu": "Azure CPU",
    "nyc_taxi": "taxis",
    "nasa_jul": "NASA web",
    "tweets_amzn": "tweets Amazon",
    "tweets_goog": "tweets Google",
    "llm_m_large": "LLM",
}
RULES = {
    "default": "the defaults",
    "price_50": "failure price 50",
    "held": "held bins",
    "warmup_1": "warm-up 1 minute",
    "warmup_15": "warm-up 15 minutes",
    "change_2": "change price 2",
    "billed_60": "machines billed for an hour at least",
    "late_10": "metrics ten minutes late",
}


def title(group: str) -> str:
    """Return what a trace or a family is called."""
    return TITLES.get(group, group)


def short(group: str) -> str:
    """Return what a trace is called in the head of a column."""
    return SHORT.get(group, group)


def method(name: str) -> str:
    """Return what a baseline is called, in a table."""
    label = describe(name).label
    return label if label.startswith("Kubernetes") else label[0].lower() + label[1:]


def bare(name: str) -> str:
    """Return the same without the word tuned, where all are."""
    return method(name).removesuffix(", tuned")


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with thousands set apart; what rounds to zero has no sign."""
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not any(map(text.count, "123456789")) else text


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage."""
    return NOTHING if fraction is None else f"{figure(100 * fraction, digits)} %"


def saving(interval: Interval | None) -> str:
    """Return a saving with its interval, in percent."""
    if interval is None:
        return NOTHING
    text = percent(interval.saving)
    if interval.lower is None or interval.upper is None:
        return text
    ends = (figure(100 * end, 1) for end in (interval.lower, interval.upper))
    return f"{text} ({' to '.join(ends)})"


def count(number: int, noun: str) -> str:
    """Return "1 window" or "2 windows"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a cell holds no line breaks and no bars."""
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"rows do not fit the head {head}")
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bold_least(values: Sequence[float | None], digits: int, among: Sequence[bool]) -> list[str]:
    """Return figures, the least of those that count in bold."""
    texts = [figure(value, digits) for value in values]
    counted = [v for v, counts in zip(values, among, strict=True) if counts and v is not None]
    least = figure(min(counted), digits) if counted else ""
    return [
        f"**{text}**" if counts and text == least else text
        for text, counts in zip(texts, among, strict=True)
    ]
