"""Tables about the method itself: its parts, what remains to the oracle, and what it takes."""

from statistics import mean, median

from benchmarks.results_format import NOTHING, figure, percent, short, table, title
from benchmarks.results_judge import BASELINES
from benchmarks.results_places import DEFAULT, HELD
from benchmarks.results_read import Results, Seeded, Spot

WHOLE = "the whole bank"
PARTS = {
    "": WHOLE,
    "network_only": "network at several prices and offsets, chosen online; no rules, no trackers",
    "rules_only": "rules and trackers, chosen online; no network",
    "no_seasons": "the bank without the rules that know the clock",
    "leader_alone": "the bank, its leader followed alone however unsure it is",
    "no_choice": "the network alone, nothing to choose from",
}


def ablation(results: Results) -> str:
    """Return the gap closed by the default preset with parts of its bank."""
    preset, spots = results.presets[0], results.spots("trace", DEFAULT)
    head = [f"`{preset}`, median seed", *(short(spot.group) for spot in spots)]
    head += ["mean", "worst seed, any load"]
    rows, missing = [], []
    for variant, label in PARTS.items():
        ranked = {spot: results.ranked(spot, preset, variant) for spot in spots}
        if not all(ranked.values()):
            missing.append(f"Not run, since the artifact has no bank: {label}.")
            continue
        rows.append([label, *_gaps(results, ranked)])
    held = [spot for spot in results.spots("trace", HELD) if spot.group in {s.group for s in spots}]
    if len(held) == len(spots):
        ranked = {spot: results.ranked(spot, preset) for spot in held}
        rows.append([f"{WHOLE}; coarse bins held, not interpolated", *_gaps(results, ranked)])
    return "\n".join([table(head, rows), *(f"\n{line}" for line in missing)])


def _gaps(results: Results, ranked: dict[Spot, list[Seeded]]) -> list[str]:
    middle = [
        results.gap(spot, seeded[len(seeded) // 2].run) or 0.0 for spot, seeded in ranked.items()
    ]
    worst = min(results.gap(spot, seeded[-1].run) or 0.0 for spot, seeded in ranked.items())
    return [*(figure(gap, 2) for gap in middle), figure(mean(middle), 2), figure(worst, 2)]


def remaining(results: Results) -> str:
    """Return what the default preset costs beyond the oracle: machine time, and failed work."""
    preset = results.presets[0]
    head = ["recorded load", "J above the oracle's", "of it machine time", "of it failed work"]
    rows = []
    for spot in results.spots("trace", DEFAULT):
        run, oracle = results.median(spot, preset), results.oracle(spot)
        excess, billed = run.cost - oracle.cost, run.totals.billed - oracle.totals.billed
        parts = (billed, excess - billed)
        shares = [percent(part / excess, 0) if excess > 0 else NOTHING for part in parts]
        rows.append([title(spot.group), percent(excess / oracle.cost), *shares])
    return table(head, rows)


def effort(results: Results) -> str:
    """Return CPU times: of training, of a decision, of long back-tests."""
    head = ["", *(f"`{preset}`" for preset in results.presets)]
    times = [results.summary["times"][preset] for preset in results.presets]
    trainings = [_training(results, preset) for preset in results.presets]
    days = {str(each["days"]) for each in times}
    rows = [
        ["a training, CPU-seconds, median (least to most) of the seeds", *trainings],
        [
            "a decision of a bank in memory, a minute later, median",
            *_cells(times, "decision_median_us"),
        ],
        ["the same, 99th percentile", *_cells(times, "decision_p99_us")],
        ["a decision from 14 days of load alone", *_cells(times, "rebuild_seconds")],
        [f"the policy over {'/'.join(days)} days of minutes", *_cells(times, "policy_seconds")],
        ["all baselines, tuned, and the oracle, the same", *_cells(times, "baselines_seconds")],
    ]
    seconds = results.cpu_seconds
    judged = (
        f"Judging took {figure(seconds['models'], 0)} CPU-seconds for the models and "
        f"{figure(seconds[BASELINES], 0)} for baselines and oracle."
    )
    return f"{table(head, rows)}\n\n{judged}"


def _cells(times: list[dict[str, float]], key: str) -> list[str]:
    if key.endswith("_us"):
        return [f"{figure(each[key], 0)} µs" for each in times]
    return [f"{figure(each[key], 2 if each[key] < 10 else 0)} s" for each in times]


def _training(results: Results, preset: str) -> str:
    found = [
        results.summary["trainings"][f"{preset}-{seed}"]["cpu_seconds"]
        for seed in results.summary["seeds"]
    ]
    known = [seconds for seconds in found if seconds is not None]
    if not known:
        return NOTHING
    ends = f"{figure(min(known), 0)} to {figure(max(known), 0)}"
    return f"{figure(median(known), 0)} ({ends})"
