"""Stage 3 of the results: the page."""

from pathlib import Path

from benchmarks import results_choices as choices
from benchmarks import results_generated as generated
from benchmarks import results_losses as losses
from benchmarks import results_traces as traces
from benchmarks.results_format import count, listed
from benchmarks.results_places import DEFAULT
from benchmarks.results_read import Results

PICTURE = "images/results.png"


def write_page(results: Results, path: Path) -> None:
    """Write the page as Markdown."""
    parts = [_head(results)]
    if results.spots("trace", DEFAULT):
        parts += _recorded(results)
    if results.spots("generated"):
        parts += _generated(results)
    if results.spots("trace", DEFAULT):
        parts += [("## What each choice is worth", _CHOICES, choices.ablation(results))]
        parts += [("## What remains to the oracle", _REMAINS, choices.remaining(results))]
    parts += [
        ("## What it takes", _TAKES, choices.effort(results)),
        _losses(results),
        _how(results),
    ]
    text = "\n\n".join(part for section in parts for part in section if part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _head(results: Results) -> tuple[str, ...]:
    summary = results.summary
    presets = listed([f"`{preset}`" for preset in results.presets])
    made = (
        "Made by `make results` ([benchmarks/results.py](../benchmarks/results.py)) from source "
        f"revision `{summary['source_revision']}`, a hash of the training bundle that is in every "
        "model's manifest. Not written by hand: change the program, not the page."
    )
    changed = [f"`{name}={value}`" for name, value in summary["hyperparameters"].items()]
    warning = (
        f"**A try, not the presets as they are**: trained with {listed(changed)}."
        if changed
        else ""
    )
    what = (
        f"{presets}, {count(len(summary['seeds']), 'training')} each by seeds of its own, against "
        "eight autoscalers and the optimum in hindsight. J is machine-minutes plus the failure "
        "price times the machine-minutes of work that failed ([the problem](problem.md)). Tuned "
        "baselines choose their knobs on at most 14 days before a window; a policy is not tuned on "
        "a load at all, it chooses online. How choices were made: [validation](validation.md)."
    )
    return ("# Results", made, warning, what, traces.left_out(results))


def _recorded(results: Results) -> list[tuple[str, ...]]:
    picture = f"![The gap closed on every load, seed by seed]({PICTURE})"
    return [
        ("## Recorded load in one table", _OVERVIEW, traces.overview(results), picture),
        ("## Failed work and machine-hours, every method on every load", traces.trade_off(results)),
        ("## The gap closed, every seed", _GAP, traces.seeds(results)),
        ("## Savings, with intervals", _SAVINGS, traces.savings(results)),
        ("## Other rules", _RULES, traces.other_rules(results)),
    ]


def _generated(results: Results) -> list[tuple[str, ...]]:
    return [
        ("## Generated load of kinds that training never saw", _GENERATED),
        (generated.every_method(results),),
        (generated.by(results, "group"),),
        (generated.by(results, "setting"),),
    ]


def _losses(results: Results) -> tuple[str, ...]:
    parts = ["## Where it does not win, and why", _LOSSES]
    if results.spots("trace"):
        parts.append(losses.recorded_losses(results))
    if results.spots("generated"):
        parts.append(losses.generated_losses(results))
    return tuple(parts)


def _how(results: Results) -> tuple[str, ...]:
    cores = count(results.summary["cores"] or 1, "core")
    lines = (
        f"- Everything ran on one machine, on CPU ({cores}, no accelerator): trainings as "
        "processes of `train.py`, judging by the code of the back-test. Nothing ran on AWS.",
        "- Training used generated load alone. No recorded load, and none of the families judged "
        "here, trained any policy on this page. Choices of design were made on what lies before "
        "the windows of five of the traces ([validation](validation.md)).",
        "- **Interpolation of coarse traces flatters every method**: a recording of 5, 10 or 30 "
        "minutes hides what happened within, and a straight line between its middles can be "
        "followed. The table of held bins shows the other extreme, a jump at the start of each "
        "bin. Only the NASA trace is recorded by the minute.",
        "- There is one window of at most 14 days for each load: another one may turn a close "
        "result.",
        "- Warm-ups are fixed on recorded load, and no launch fails there.",
        "- The traces: Numenta Anomaly Benchmark (tweets, New York taxis), Time Series Data "
        "Library (UK network), Azure VM trace V2, Internet Traffic Archive (NASA), ServeGen (LLM). "
        "They are not part of this repository; `TRACES` names the folder of the load files.",
    )
    return ("## How this was run", "\n".join(lines))


_OVERVIEW = (
    "Mean 20 machines, warm-up 5 minutes, failure price 20; windows as in "
    "[baseline_table.py](../benchmarks/baseline_table.py). 1 is the optimum. Bold: the least of "
    "those that do not know the future."
)
_GAP = (
    "0 is tuned target tracking, 1 the oracle. The last row is the tuned baseline that turned out "
    "best on the load."
)
_SAVINGS = (
    "Of J, for the median seed and for the worst. In brackets the 90 % interval by a paired "
    "bootstrap over days: each end holds with 95 % confidence. The best tuned baseline is picked "
    "afterwards, which favours it."
)
_RULES = "J over the oracle's, median seed. One thing is changed at a time."
_GENERATED = (
    "J relative to that of tuned target tracking: below 1 is better. Choices were made on other "
    "series of fractal and flash; sessions and regimes are kept for this page "
    "([validation](validation.md)). A window is 14 days after 14 days of history; warm-ups, "
    "sizes, prices and recordings differ. A method loses where its J is above that of tuned "
    "target tracking; beside it, above that of the best of the five tuned baselines, picked "
    "afterwards. Where boot times are random the oracle plans with their median, and is a "
    "reference only."
)
_CHOICES = "The gap closed, failure price 20. Parts are taken away from the same artifacts."
_REMAINS = "The median seed. Where all is machine time, it could only have saved machines."
_TAKES = (
    "CPU time of one thread. A decision one minute after the last is that of a bank that stays in "
    "memory; an endpoint reads it from the request's memory first, which takes longer. The one "
    "from 14 days of load alone is the first of a new endpoint. The long back-test repeats "
    "generated load."
)
_LOSSES = (
    "Picked from the results: every case in which the median seed costs more than some tuned "
    "baseline, or the worst seed more than tuned target tracking. In percent of the winner's J, "
    "with the 90 % interval by days; machine time and failed work (with the price of changes) add "
    "up to it."
)
