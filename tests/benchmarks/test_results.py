"""The page of results: what it says of made-up results, and a whole run on next to nothing."""

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from autoscaling_rl.baselines.registry import BASELINES
from autoscaling_rl.errors import UserError
from autoscaling_rl.scorecard import Interval, Totals
from benchmarks import results, results_judge, results_times, results_train
from benchmarks.baseline_table import TRACES
from benchmarks.results_cache import cached
from benchmarks.results_format import bold_least, figure, percent, saving, table
from benchmarks.results_losses import find_losses, why
from benchmarks.results_page import write_page
from benchmarks.results_picture import write_results_picture
from benchmarks.results_places import (
    CONDITIONS,
    FAMILIES,
    SERIES,
    SETTINGS,
    generated_places,
    trace_places,
)
from benchmarks.results_read import Results, Run, Spot, pooled
from benchmarks.results_train import Model, hyperparameters, train_all

PRESETS, SEEDS = ["hindsight-autoscaling", "hindsight-ensemble"], [0, 1, 2]
SECTIONS = [
    "# Results",
    "## Recorded load in one table",
    "## Failed work and machine-hours, every method on every load",
    "## The gap closed, every seed",
    "## Savings, with intervals",
    "## Other rules",
    "## Generated load of kinds that training never saw",
    "## What each choice is worth",
    "## What remains to the oracle",
    "## What it takes",
    "## Where it does not win, and why",
    "## How this was run",
]
CAPACITY = 250.0
DAYS = 4


def run(billed: float, failed: float = 0.0) -> Run:
    """Return a run of so many machine-minutes a day, and failed ones; days differ a little."""
    costs = [(billed + 20 * failed) * (1 + 0.01 * day) for day in range(DAYS)]
    total = Totals(1440 * DAYS, 1e7, failed * CAPACITY, billed * DAYS, sum(costs), 3, 2, 40)
    return Run(total, CAPACITY, tuple(costs))


def place_runs(group: str, variants: tuple[str, ...]) -> dict[str, Run]:
    """Return every method's run at a place; the presets lose to peak hold on tweets alone."""
    cost = 1e4 * (1.25 if group == "tweets_amzn" else 1.1)
    found = {name: run(16e3, 9.0) for name in BASELINES}
    found |= {"oracle": run(1e4), "target_tracking_tuned": run(13e3, 10.0)}
    found["peak_hold_tuned"] = run(11e3, 30.0)
    for place, preset in enumerate(PRESETS):
        found |= {f"{preset}-{s}": run(cost - 99 * place + 40 * s, 1.0) for s in SEEDS}
    for variant in variants:
        found |= {f"{PRESETS[0]}-{seed}.{variant}": run(12e3 + seed) for seed in SEEDS}
    return found


def made_up(*, absent=(), kinds=("trace", "generated"), variants=("no_choice", "network_only")):
    """Return small results of both kinds of load."""
    groups = {"trace": ("nasa_jul", "tweets_amzn"), "generated": tuple(FAMILIES)}
    settings = {"trace": list(SETTINGS), "generated": list(CONDITIONS)[:2]}
    places = [
        Spot(f"{group}.{setting}", kind, group, setting, 0)
        for kind in kinds
        for group in groups[kind]
        for setting in settings[kind]
    ]
    runs = {
        place.name: place_runs(place.group, variants if place.setting == "default" else ())
        for place in places
    }
    times = {
        "rebuild_seconds": 0.61,
        "decision_median_us": 812.4,
        "decision_p99_us": 1234.5,
        "policy_seconds": 41.0,
        "baselines_seconds": 12.3,
        "days": 365,
    }
    seconds = {seed: 100.0 + seed if seed else None for seed in SEEDS}
    summary = {
        "source_revision": "0123456789ab",
        "presets": PRESETS,
        "seeds": SEEDS,
        "hyperparameters": {},
        "places": [place._asdict() for place in places],
        "absent": list(absent),
        "trainings": {f"{p}-{s}": {"cpu_seconds": seconds[s]} for p in PRESETS for s in SEEDS},
        "times": dict.fromkeys(PRESETS, times),
        "cores": 2,
    }
    return Results(summary, runs, {"models": 1234.5, "baselines": 67.8})


def page_of(results_, folder: Path) -> str:
    write_page(results_, folder / "docs" / "results.md")
    return (folder / "docs" / "results.md").read_text(encoding="utf-8")


def test_the_page_has_every_section_and_says_where_it_comes_from(tmp_path):
    page = page_of(made_up(), tmp_path)
    assert [line for line in page.splitlines() if line.startswith(("# ", "## "))] == SECTIONS
    assert "`make results`" in page
    assert "source revision `0123456789ab`" in page
    assert "Interpolation of coarse traces flatters every method" in page
    assert "Training used generated load alone" in page
    assert "one machine, on CPU (2 cores" in page
    for preset in PRESETS:
        assert f"| `{preset}`, worst seed |" in page
    for words in ("n/a", "nan", "None", "{"):
        assert words not in page, words


def test_every_table_is_whole(tmp_path):
    page = page_of(made_up(), tmp_path)
    for before, line in pairwise(page.splitlines()):
        if line.startswith("|") and before.startswith("|"):
            assert line.count("|") == before.count("|"), line


def test_figures_of_the_page(tmp_path):
    page = page_of(made_up(), tmp_path)
    # Billed 11,040 a day for four days, of which J is a little more.
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{PRESETS[0]}`, median")][
        1:2
    ]
    assert "0.003 %" in row  # 250 of 10 million requests
    assert f"{11_040 * 4 / 60:,.0f}" in row
    assert "1.106" in row  # (11,040 + 20) / 10,000
    assert "101 (101 to 102)" not in page
    assert "102 (101 to 102)" in page  # the seed whose time is not known is left out
    assert "812 µs" in page
    assert "0.61 s" in page
    assert "41 s" in page
    assert "1,234 CPU-seconds" in page


def test_losses_are_picked_from_the_results(tmp_path):
    made = made_up()
    spots = {spot.group: spot for spot in made.spots("trace", "default")}
    assert find_losses(made, spots["nasa_jul"], PRESETS[0]) == []
    [loss] = find_losses(made, spots["tweets_amzn"], PRESETS[0])
    assert (loss.which, loss.baseline) == ("median", "peak_hold_tuned")
    page = page_of(made, tmp_path)
    assert "16 of 32 cases" in page
    [row] = [
        line
        for line in page.splitlines()
        if "tweets about Amazon" in line and "the defaults" in line and PRESETS[0] in line
    ]
    assert "peak hold, tuned" in row
    assert "too cautious" in row


def test_a_worst_seed_above_target_tracking_is_a_loss():
    made = made_up()
    [spot] = [each for each in made.spots("trace", "default") if each.group == "nasa_jul"]
    made.runs[spot.name][f"{PRESETS[0]}-2"] = run(14e3)
    [loss] = find_losses(made, spot, PRESETS[0])
    assert (loss.which, loss.baseline) == ("worst", "target_tracking_tuned")


def test_without_losses_the_page_says_so(tmp_path):
    made = made_up()
    for found in made.runs.values():
        for name in BASELINES:
            found[name] = run(2e4)
    page = page_of(made, tmp_path)
    assert "Recorded load: none in 32 cases" in page
    assert "Generated load: 0 of 16 cases" in page


def test_why_names_where_a_loss_comes_from():
    assert why(0.02, -0.01, None).startswith("too cautious")
    assert why(-0.02, 0.03, None).startswith("too daring")
    assert why(0.01, 0.01, None).startswith("more machines and more failures")
    assert why(0.01, 0.0001, None).startswith("more machines, and no fewer failures")
    assert why(-0.0001, 0.01, None).startswith("more failures with as many machines")
    assert why(0.01, 0.01, Interval(-0.01, -0.05, 0.01)).endswith("days could explain it")


def test_what_was_not_run_is_said(tmp_path):
    page = page_of(made_up(absent=["isp_uk"]), tmp_path)
    assert "Not at hand, and left out: UK academic network, 2004." in page
    assert "Not run, since the artifact has no bank: rules and trackers" in page
    made = made_up(variants=tuple(results_judge.VARIANTS))
    assert "Not run" not in page_of(made, tmp_path)


def test_without_traces_generated_load_alone_is_shown(tmp_path):
    made = made_up(kinds=("generated",), absent=list(TRACES))
    page = page_of(made, tmp_path)
    assert "## Recorded load" not in page
    assert "## Generated load of kinds that training never saw" in page
    assert made.incomplete()
    write_results_picture(made, tmp_path / "picture.png")


def test_a_try_with_other_settings_is_marked(tmp_path):
    made = made_up()
    made = Results({**made.summary, "hyperparameters": {"steps": "20"}}, made.runs, {})
    made = replace(made, cpu_seconds={"models": 0.0, "baselines": 0.0})
    assert "**A try, not the presets as they are**: trained with `steps=20`." in page_of(
        made, tmp_path
    )


def test_the_picture_is_a_png_of_the_usual_size(tmp_path):
    write_results_picture(made_up(), tmp_path / "picture.png")
    header = (tmp_path / "picture.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(header[at : at + 4], "big") for at in (16, 20)] == [1600, 900]


def test_places_are_pooled_in_machine_minutes():
    made = made_up()
    everything, spot = pooled(made, made.spots("trace", "default"), "all")
    assert everything.median(spot, PRESETS[0]).cost == pytest.approx(
        sum(made.median(each, PRESETS[0]).cost for each in made.spots("trace", "default"))
    )
    assert len(everything.oracle(spot).daily) == 2 * DAYS
    assert everything.median(spot, PRESETS[0]).failed == pytest.approx(2.0)
    assert list(everything.baselines(spot)) == list(BASELINES)


def test_numbers_as_text():
    assert [figure(value, 2) for value in (1234.5, -0.5, -0.001, None)] == [
        "1,234.50",
        "-0.50",
        "0.00",
        "n/a",
    ]
    assert percent(0.1234) == "12.3 %"
    assert saving(Interval(0.1, 0.05, 0.15)) == "10.0 % (5.0 to 15.0)"
    assert saving(Interval(0.1, None, None)) == "10.0 %"
    assert bold_least([1.0, 0.9, 2.0], 1, [True, False, True]) == ["**1.0**", "0.9", "2.0"]
    with pytest.raises(ValueError, match="do not fit"):
        table(["a", "b"], [["1"]])


def test_a_value_is_computed_again_only_for_another_key(tmp_path):
    calls = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"count": len(calls)}

    path = tmp_path / "cell.json"
    keys = ({"start": datetime(2026, 1, 1), "a": (1,)}, {"a": 2})
    assert [cached(path, key, compute)["count"] for key in (keys[0], keys[0], keys[1])] == [1, 1, 2]


def test_mistakes_are_named(tmp_path, capsys):
    assert results.main(["write", "--output", str(tmp_path)]) == 2
    assert "run the stage judge first" in capsys.readouterr().err
    assert results.main(["train", "--set", "steps"]) == 2
    assert "write NAME=VALUE" in capsys.readouterr().err
    assert results.main(["train", "--presets", "unheard-of", "--output", str(tmp_path)]) == 2
    assert "there is no preset" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        results.main(["trian"])
    assert hyperparameters(["steps=1", "a.b=c=d"]) == {"steps": "1", "a.b": "c=d"}


def test_places_have_names_of_their_own_and_loads_that_can_be_judged(tmp_path):
    places = generated_places()
    assert len({place.name for place in places}) == len(places)
    assert len(places) == len(FAMILIES) * len(CONDITIONS) * SERIES
    assert not any(set(place.name) & set(" ,/") for place in places)
    assert trace_places(tmp_path) == []
    place = places[0]
    assert (place.source.load().minute_rates == place.source.load().minute_rates).all()


def recording(folder: Path) -> None:
    """Write a load file in the place of the shortest trace."""
    trace = TRACES["llm_m_large"]
    start = datetime.fromisoformat(trace.start) - timedelta(days=3)
    minutes = np.arange(0, (3 + trace.days) * 1440, 10)
    noise = np.random.default_rng(0).uniform(0.8, 1.2, len(minutes))
    load = 5e4 * noise * (1.2 + np.sin(minutes / 1440 * 2 * np.pi))
    with (folder / trace.file).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "requests"])
        for minute, value in zip(minutes.tolist(), load.tolist(), strict=True):
            writer.writerow([f"{(start + timedelta(minutes=minute)).isoformat()}Z", round(value)])


@pytest.mark.slow
def test_a_whole_run_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    recording(tmp_path)
    few = partial(generated_places, ("flash",), ("warm-up 1 or 8, a launch in 50 fails",), 1)
    monkeypatch.setattr(results, "generated_places", few)
    monkeypatch.setattr(results, "measure", partial(results_times.measure, days=2, decisions=20))
    output = tmp_path / "output"
    options = ["--traces", str(tmp_path), "--output", str(output), "--jobs", "1", "--seeds", "0"]
    options += ["--presets", PRESETS[0], "--set", "steps=20", "series=4", "series_days=3"]
    assert results.main(options) == 0
    page = (output / "results.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("## ")] == SECTIONS[1:]
    assert "trained with `steps=20`" in page
    summary = json.loads((output / "summary.json").read_text())
    assert summary["trainings"][f"{PRESETS[0]}-0"]["cpu_seconds"] > 0
    assert (output / "results.png").stat().st_size > 10_000
    assert "isp_uk is left out" in capsys.readouterr().out

    def fail(*_: object) -> None:
        raise AssertionError("is known already")

    monkeypatch.setattr(results_judge, "rollout", fail)
    monkeypatch.setattr(results_judge, "run_baselines", fail)
    assert results.main(options) == 0
    assert f"{PRESETS[0]}-0: is there already" in capsys.readouterr().out
    assert (output / "results.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; print('why'); sys.exit(3)", "training ended with status 3: see "),
        ("", "the sources changed during training"),
    ],
)
def test_a_training_that_fails_is_named_and_its_log_kept(tmp_path, monkeypatch, script, words):
    (tmp_path / "train.py").write_text(script)
    monkeypatch.setattr(results_train, "TRAIN", tmp_path / "train.py")
    model = Model("smoke", 0, tmp_path / "smoke-0")
    with pytest.raises(UserError, match=f"smoke-0: {words}"):
        train_all([model], 1)
    assert (model.base / "training.log").read_text().strip() == ("why" if script else "")
    assert model.cpu_seconds() > 0


def test_a_checkpoint_of_other_sources_is_not_gone_on_with(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("")
    monkeypatch.setattr(results_train, "TRAIN", tmp_path / "train.py")
    model = Model("smoke", 0, tmp_path / "smoke-0")
    checkpoint = model.base / "checkpoints" / "1"
    for revision, kept in (("a", False), ("a", True), ("b", False)):
        monkeypatch.setattr(results_train, "source_revision", lambda revision=revision: revision)
        with pytest.raises(UserError):
            train_all([model], 1)
        assert checkpoint.exists() == kept
        checkpoint.mkdir(parents=True, exist_ok=True)
