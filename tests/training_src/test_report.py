"""The page of an evaluation: it holds what was found, needs nothing else, agrees with the gate."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.report import (
    Example,
    Run,
    compare,
    compare_totals,
    write_evaluation_report,
)
from lambdas.gate import judge
from lambdas.scorecard import Scorecard
from tests.training_src.examples import example
from tests.training_src.pages import NAMES, cost_card, read

BUNDLE = Path(__file__).parents[2] / "training_src"
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
NASTY = "<script>alert(1)</script>\"'&\0\ud800"


def return_card(policy, random):
    policies = {"policy": {"values": policy}, "random": {"values": random}}
    return {
        "schema_version": 1,
        "metric": "return",
        "unit": "reward",
        "default_baseline": "random",
        "windows": [str(each) for each in range(len(policy))],
        "policies": policies,
    }


def evaluate(path, card, **parts):
    defaults = {
        "title": "Evaluation",
        "curve": [[1000, -3.0, -2.0], [2000, -2.0, None], [3000, -1.5, -1.2]],
        "trajectories": [example()],
        "provenance": {"preset": "smoke", "job": "ran as a local process"},
        "settings": {"seed": 0, "training": {"levels": [1, 2], "path": None, "extra": {}}},
    }
    write_evaluation_report(path, scorecard=card, **(defaults | parts))
    return read(path)


def test_an_evaluation_shows_the_verdict_every_policy_and_where_it_comes_from(tmp_path):
    page = evaluate(tmp_path / "report.html", cost_card(), notes=["the note"], title="My title")
    assert "Passes the gate" in page.text
    assert "less than tuned target tracking (90 % confidence interval" in page.text
    assert "No baseline was cheaper than the policy." in page.text
    assert "tuned on the days before, tuned target tracking did best here." in page.text
    for name in NAMES:
        assert name in page.words
    for words in ("My title", "the note", "ran as a local process", "training.levels", "1, 2"):
        assert words in page.text
    assert "Learning curve" in page.text
    assert "hardest 6 hours" in page.text


def test_a_policy_that_costs_more_is_rejected_and_those_that_cost_less_are_named(tmp_path):
    page = evaluate(tmp_path / "report.html", cost_card(saving=-0.2))
    assert "Rejected" in page.text
    assert "more than tuned target tracking" in page.text
    assert "Cheaper than the policy: the best fixed fleet (" in page.text


@pytest.mark.parametrize("metric", ["J", "return"])
@settings(max_examples=30)
@given(
    policy=st.lists(st.floats(1.0, 100.0), min_size=2, max_size=12),
    noise=st.integers(0, 2**31),
    level=st.floats(0.8, 1.25),
    confidence=st.sampled_from([0.5, 0.9, 0.95, 0.999]),
)
def test_the_verdict_is_that_of_the_gate(metric, policy, noise, level, confidence):
    factors = np.random.default_rng(noise).uniform(0.9, 1.1, len(policy))
    base = (np.array(policy) * level * factors).tolist()
    card = return_card(policy, base) | {"metric": metric}
    found = compare(card, confidence=confidence)
    values = {"policy": tuple(policy), "random": tuple(base)}
    gate = judge(
        Scorecard(metric=metric, default_baseline="random", values=values),
        baseline=None,
        confidence=confidence,
    )
    assert found.passed == gate.passed
    assert found.lower == pytest.approx(gate.lower_bound, rel=1e-9, abs=1e-12)
    assert found.saving == pytest.approx(gate.saving, rel=1e-9, abs=1e-12)
    assert found.lower <= found.upper


def test_the_baseline_can_be_named_and_the_best_tuned_one_is_found(tmp_path):
    card = cost_card()
    for name, best in (("J", min), ("return", max)):
        card["metric"] = name
        tuned = [known for known in card["policies"] if known.endswith("_tuned")]
        expected = best(tuned, key=lambda known: sum(card["policies"][known]["values"]))
        assert compare(card, "best_tuned").baseline == expected
    assert compare(card, "hpa_tuned").baseline == "hpa_tuned"
    assert compare(card, "oracle") is None
    assert compare(card, "unheard_of") is None
    card["metric"] = "J"
    page = evaluate(tmp_path / "report.html", card, baseline="hpa_tuned", confidence=0.8)
    assert "than the tuned Kubernetes autoscaler (60 % confidence interval" in page.text
    assert "did best here" not in page.text


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [math.nan, 1.0], [None, 1.0]])
def test_without_a_cost_to_compare_with_nothing_is_judged(tmp_path, values):
    card = cost_card(windows=2)
    card["policies"]["target_tracking_tuned"]["values"] = values
    assert compare(card) is None
    page = evaluate(tmp_path / "report.html", card)
    assert "Not judged" in page.text


def test_one_window_is_shown_but_not_judged(tmp_path):
    page = evaluate(tmp_path / "report.html", cost_card(windows=1))
    assert "Not judged" in page.text
    assert "one window cannot tell more than chance" in page.text
    assert compare_totals("x", [1.0], [2.0], confidence=0.95).lower is None


def test_figures_that_are_missing_become_dashes(tmp_path):
    card = cost_card()
    for place, figures in enumerate(card["policies"].values()):
        figures |= {
            "J_over_oracle": None,
            "gap_closed": math.nan,
            "failed_percent": math.inf if place % 2 else 0.0,
        }
    page = evaluate(tmp_path / "report.html", card)
    assert page.words.count(DASH) >= 2 * len(NAMES)


def test_the_best_of_each_column_is_marked_but_never_who_knows_the_future(tmp_path):
    evaluate(tmp_path / "report.html", cost_card())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = {name: row for row in text.split("<tr ") for name in NAMES if f"<code>{name}<" in row}
    assert 'class="best"' not in rows["oracle"]
    assert 'class="best"' not in rows["static_best"]
    # Failures, machine-hours, J, J over the oracle, gap; the other columns are the same for all.
    assert rows["policy"].count('class="best"') == 5
    assert rows["hpa_tuned"].count('class="best"') == 0


def test_text_of_users_stays_text(tmp_path):
    card = cost_card(names=(*NAMES, NASTY))
    page = evaluate(
        tmp_path / "report.html",
        card,
        title=NASTY,
        notes=[NASTY],
        provenance={NASTY: NASTY},
        settings={"table": {NASTY: [NASTY]}},
        trajectories=[example(name=NASTY)],
        baseline=NASTY,
    )
    assert page.text.count("<script>alert(1)</script>\"'&??") >= 9


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ([], "No learning curve was recorded."),
        ([[1000, None, None], [None, 1.0, 2.0]], "No learning curve was recorded."),
        ([[0, 5.0, None]], "environment steps"),
        ([[100, math.nan, 3.0], [200, 3.0, 3.0]], "environment steps"),
        ([[step, -1e6 if step < 2 else step, step] for step in range(3000)], "below the axis"),
        ([[step, -1e6 if step < 2 else step, step] for step in range(30)], "below the axis"),
    ],
)
def test_learning_curves_of_all_kinds_are_drawn(tmp_path, curve, words):
    assert words in evaluate(tmp_path / "report.html", cost_card(), curve=curve).text


def test_an_environment_without_load_shows_returns(tmp_path):
    card = return_card([450.0, 500.0, 480.0, None], [20.0, 25.0, 9.0, 14.0])
    page = evaluate(tmp_path / "report.html", card, trajectories=[])
    assert "Not judged" in page.text
    card["policies"]["policy"]["values"][3] = 400.0
    page = evaluate(tmp_path / "report.html", card, trajectories=[])
    assert "The policy earns 457.5 per episode, a random policy 17.0" in page.text
    assert "4 of 4" in page.text
    assert "Load and capacity" not in page.text
    assert "machine" not in page.text
    card["policies"]["random"]["values"] = [500.0, 440.0, 480.0, 430.0]
    page = evaluate(tmp_path / "report.html", card, trajectories=[])
    assert "(90 % confidence interval of the gain \N{MINUS SIGN}" in page.text
    assert "With 95 % confidence the gain may be nothing or a loss" in page.text


def test_an_environment_without_returns_still_has_a_page(tmp_path):
    page = evaluate(tmp_path / "report.html", return_card([], []), trajectories=[])
    assert "No returns were recorded." in page.text


@pytest.mark.parametrize("minutes", [1, 60, 361])
@pytest.mark.parametrize("scale", [0.0, 20.0])
def test_windows_of_any_length_and_without_load_are_drawn(tmp_path, minutes, scale):
    shown = example(minutes, scale=scale)
    page = evaluate(tmp_path / "report.html", cost_card(), trajectories=[shown])
    assert ("hardest 6 hours" in page.text) == (minutes > 360)


def test_windows_that_lack_runs_or_minutes_or_hold_gaps_are_drawn(tmp_path):
    nothing = np.empty(0)
    gap = np.array([1.0, math.nan, 3.0] * 300)
    windows = [
        Example(name="bare", load=np.ones(9), runs={}),
        Example(
            name="empty",
            load=nothing,
            runs={"policy": Run(**dict.fromkeys(("in_service", "billed", "failed"), nothing))},
        ),
        Example(
            name="gaps", load=gap, runs={"policy": Run(in_service=gap, billed=gap, failed=gap)}
        ),
        *(example(name=f"more {place}") for place in range(5)),
    ]
    page = evaluate(tmp_path / "report.html", cost_card(), trajectories=windows)
    assert page.text.count("This window holds no run to show.") == 2
    assert "2 more are not shown." in page.text


def test_many_windows_are_thinned_out_but_counted(tmp_path):
    page = evaluate(tmp_path / "report.html", cost_card(windows=500), unit="day")
    assert "One in 3 days is drawn, all are counted." in page.text
    assert "Measured over 500 days of load" in page.text


def test_policies_that_crowd_get_a_close_up(tmp_path):
    card = cost_card()
    assert "Close-up" not in evaluate(tmp_path / "report.html", card).text
    card["policies"]["step_scaling"] |= {"machine_hours": 2e5, "J": 1.2e7}
    assert "Close-up" in evaluate(tmp_path / "report.html", card).text


def test_the_hardest_stretch_is_where_work_failed():
    shown = example(2880)
    part = shown.hardest(("policy", "target_tracking_tuned"), 360)
    assert part.stop - part.start == 360
    failed = shown.runs["policy"].failed
    assert failed[part].sum() == pytest.approx(failed.sum())
    assert failed.sum() == pytest.approx(30 * (30 - 24))
    assert shown.hardest(("oracle",), 100) == slice(1390, 1490)


def test_pages_are_written_without_matplotlib():
    code = "import sys, autoscaling_rl.report; print('matplotlib' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(BUNDLE)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "False"
