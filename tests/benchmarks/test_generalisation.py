"""Unseen load: families that can be drawn again, and the page that is made of them."""

import json

import numpy as np
import pytest

from autoscaling_rl.baselines.registry import DEFAULT, ORACLE
from autoscaling_rl.scorecard import POLICY
from benchmarks import generalisation
from benchmarks.unseen import DEVELOPMENT, FAMILIES, HELD, KIND_OF
from benchmarks.unseen.judge import Judged
from benchmarks.unseen.page import beyond, by_family, by_kind, by_method
from benchmarks.unseen.parts import KINDS
from benchmarks.unseen.windows import JUDGED, KNOWN, Unseen, binned
from benchmarks.untrained import write_bank_model

DAY = 1440
PINNED = (29.18, 8, 20.0, 136606950.0)


def test_families_are_the_sixty_that_were_written_and_none_is_of_both_sets():
    assert [len(FAMILIES[kind]) for kind in KINDS] == [12, 14, 13, 21]
    assert len(HELD) == 40
    assert {*HELD, *DEVELOPMENT} == set(KIND_OF)


@pytest.mark.parametrize("family", KIND_OF)
def test_a_family_gives_load_and_the_same_again(family):
    function = FAMILIES[KIND_OF[family]][family]
    one, two = (function(np.random.default_rng(3), 9 * DAY + 30) for _ in range(2))
    assert one.shape == (9 * DAY + 30,)
    assert np.isfinite(one).all()
    assert one.min() >= 0.0
    assert one.sum() > 0.0
    assert one.tolist() == two.tolist()
    other = function(np.random.default_rng(4), 9 * DAY + 30)
    assert one.tolist() != other.tolist()


def test_windows_are_drawn_as_they_were_judged():
    load, rules = Unseen("shift_change", 3).draw()
    assert len(load.minute_rates) == KNOWN + JUDGED
    assert (rules.start - load.start).total_seconds() / 60 == KNOWN
    # Another NumPy may round another way where a family goes by Fourier transforms; not here.
    assert (rules.mean_machines, rules.warmup_minutes, rules.failure_price) == PINNED[:3]
    assert float(load.minute_rates.sum()) == PINNED[3]


def test_windows_of_a_family_differ_in_load_and_rules():
    windows = [Unseen("gamma_noise", number).draw() for number in range(4)]
    assert len({float(load.minute_rates.sum()) for load, _ in windows}) == 4
    assert len({rules.mean_machines for _, rules in windows}) == 4
    assert Unseen("gamma_noise", 1).identity() == Unseen("gamma_noise", 1).identity()


def test_bins_hold_or_join_the_means_of_five_minutes():
    rates = np.arange(20.0)
    assert binned(rates, "").tolist() == rates.tolist()
    assert binned(rates, "hold").tolist() == np.repeat([2.0, 7.0, 12.0, 17.0], 5).tolist()
    assert binned(rates, "interpolate")[2:18].tolist() == rates[2:18].tolist()


def judged(family, number, policy, tracking=100.0, oracle=50.0):
    costs = {POLICY: policy, DEFAULT: tracking, ORACLE: oracle, "hpa_tuned": 98.0}
    return Judged(Unseen(family, number), "20 machines", costs)


def rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_tables_say_what_was_found():
    found = [
        judged("timetable", 0, 75.0),
        judged("timetable", 1, 101.0),
        judged("sawtooth", 0, 103.0),
    ]
    every, clock, none = rows(by_kind(found))
    assert every[1:] == ["3", "-0.02", "0.14", "1.010", "1.030", "2", "1"]
    assert clock[1:] == ["2", "0.24", "0.24", "0.880", "1.010", "1", "0"]
    assert none[1:] == ["1", "-0.06", "-0.06", "1.030", "1.030", "1", "1"]
    assert rows(beyond(found)) == [["`sawtooth-0`", "none", "1.030", "-0.06", "20 machines"]]
    assert beyond(found[:2]) == "There are none."
    assert [row[0] for row in rows(by_family(found))] == ["`sawtooth`", "`timetable`"]
    policy, tracking, hpa = rows(by_method(found))
    assert policy[1:] == ["1.010", "1.03", "66.7 %", "33.3 %", ""]
    assert tracking[1:] == ["1.000", "1.00", "0.0 %", "0.0 %", "66.7 %"]
    assert hpa[1:] == ["0.980", "0.98", "0.0 %", "0.0 %", "66.7 %"]


def test_a_load_without_anything_to_gain_has_no_gap():
    assert judged("sawtooth", 0, 101.0, oracle=100.0).gap == 0.0


def test_what_cannot_be_judged_is_one_line(tmp_path, capsys):
    assert generalisation.main(["--model", str(tmp_path)]) == 2
    assert "manifest.json" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("{}")
    assert generalisation.main(["--model", str(tmp_path), "--families", "tides"]) == 2
    assert "no family is called tides" in capsys.readouterr().err


def test_a_model_is_judged_and_the_page_written(tmp_path, capsys):
    write_bank_model(tmp_path / "model")
    arguments = ["--model", str(tmp_path / "model"), "--families", "poisson_lognormal"]
    arguments += ["--windows", "1", "--jobs", "1", "--output", str(tmp_path)]
    page = tmp_path / "page.md"
    assert generalisation.main([*arguments, "--write", str(page)]) == 0
    said = capsys.readouterr().out
    assert "| all | 1 |" in said
    assert "`poisson_lognormal` | none" in page.read_text()
    kept = sorted((tmp_path / "generalisation").glob("*.json"))
    assert len(kept) == 2
    times = [path.stat().st_mtime_ns for path in kept]
    costs = json.loads(kept[1].read_text())["value"]
    assert set(costs) | {POLICY} > {POLICY, DEFAULT, ORACLE}
    assert generalisation.main(arguments) == 0
    assert [path.stat().st_mtime_ns for path in kept] == times  # nothing is run again
