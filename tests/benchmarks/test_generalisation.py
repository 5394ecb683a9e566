"""Unseen load: families that can be drawn again, and the page that is made of them."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from autoscaling_rl.baselines.registry import DEFAULT, ORACLE
from autoscaling_rl.scorecard import POLICY
from benchmarks import generalisation
from benchmarks.unseen import DEVELOPMENT, FAMILIES, HELD, KIND_OF
from benchmarks.unseen.judge import Judged, in_words
from benchmarks.unseen.page import beyond, by_family, by_kind, by_method
from benchmarks.unseen.parts import KINDS
from benchmarks.unseen.windows import JUDGED, KNOWN, Unseen, binned, identity
from benchmarks.untrained import write_bank_model
from tests.training_src.endpoints import cartpole_artifact

DAY = 1440
PINNED = (29.18, 8, 20.0, 136606950.0)


def test_families_are_those_that_were_written_and_none_is_of_both_sets():
    assert [len(FAMILIES[kind]) for kind in KINDS] == [32, 34, 33, 41]
    assert Counter(KIND_OF[name] for name in HELD) == dict.fromkeys(KINDS, 10)
    # In this order: a window hangs on its family's place.
    assert (*DEVELOPMENT, *HELD) == tuple(KIND_OF)
    assert list(KIND_OF).index("shift_change") == 16


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
    assert identity(*windows[1]) == identity(*Unseen("gamma_noise", 1).draw())
    assert identity(*windows[1]) != identity(*windows[2])


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
    found = [judged("timetable", 0, 75.0), judged("timetable", 1, 101.0)]
    found += [judged("sawtooth", 0, 103.0), judged("sawtooth", 1, 102.5, oracle=101.0)]
    every, clock, none = rows(by_kind(found))
    assert every[2:] == ["4", "-0.02", "1.018", "1.030", "3", "2"]
    assert clock[1:] == ["`clock`", "2", "0.24", "0.880", "1.010", "1", "0"]
    assert none[1:] == ["`none`", "2", "-0.06", "1.027", "1.030", "2", "2"]
    worst = [["`sawtooth-0`", "`none`", "1.030", "20 machines"]]
    assert rows(beyond(found)) == [*worst, ["`sawtooth-1`", "`none`", "1.025", "20 machines"]]
    assert beyond(found[:2]) == "There are none."
    assert [row[0] for row in rows(by_family(found))] == ["`sawtooth`", "`timetable`"]
    policy, tracking, hpa = rows(by_method(found))
    assert policy[1:] == ["1.018", "1.03", "75.0 %", "50.0 %", ""]
    assert tracking[1:] == ["1.000", "1.00", "0.0 %", "0.0 %", "75.0 %"]
    assert hpa[1:] == ["0.980", "0.98", "0.0 %", "0.0 %", "75.0 %"]


@pytest.mark.parametrize("oracle", [100.0, 101.0])
def test_where_the_optimum_is_not_cheaper_there_is_no_gap(oracle):
    found = [judged("sawtooth", 0, 90.0, oracle=oracle)]
    assert found[0].gap is None
    assert rows(by_kind(found))[0][3] == "n/a"
    assert rows(by_family(found))[0][-1] == "n/a"


def test_rules_are_told_as_they_are():
    load, rules = Unseen("call_centre", 0).draw()
    rules = replace(
        rules,
        min_machines=2,
        max_machines=50,
        metric_delay_minutes=3,
        launch_failure_rate=0.05,
        warmup_distribution="mix:2:9:0.1",
    )
    told = in_words(replace(load, interval_minutes=5), replace(rules, bins="hold"))
    for part in ("at most 50 machines", "at least 2 machines", "metrics 3 minutes late"):
        assert part in told
    for part in ("5.0% of launches fail", "warm-up mix:2:9:0.1", "5-minute bins, held"):
        assert part in told


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--families", "floods"], "no family is called floods"),
        (["--windows", "0"], "must be a whole number from 1 on"),
        (["--jobs", "-1"], "must be a whole number from 1 on"),
        (["--write", "."], "is a folder"),
    ],
)
def test_a_wrong_option_is_one_line(wrong, said, capsys):
    with pytest.raises(SystemExit) as ended:
        generalisation.main(wrong)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"), [(None, "manifest.json"), ("{}", "schema"), ("{", "manifest.json")]
)
def test_what_is_no_model_is_one_line(tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert generalisation.main(["--model", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_model_of_observations_is_refused(tmp_path, capsys):
    assert generalisation.main(["--model", str(cartpole_artifact(tmp_path))]) == 2
    assert "on observations alone" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_is_judged_and_the_page_written(tmp_path, capsys):
    write_bank_model(tmp_path / "model")
    family = HELD[-1]
    arguments = ["--model", str(tmp_path / "model"), "--families", family, family]
    arguments += ["--windows", "1", "--jobs", "1", "--output", str(tmp_path)]
    page = tmp_path / "page.md"
    assert generalisation.main([*arguments, "--write", str(page)]) == 0
    said = capsys.readouterr().out
    assert "| all |  | 1 |" in said
    written = page.read_text()
    assert f"`{family}` | `{KIND_OF[family]}`" in written
    assert f"`python benchmarks/generalisation.py {' '.join(arguments)} --write {page}`" in written
    assert "1 window of one family." in written
    kept = sorted((tmp_path / "generalisation").glob("*.json"))
    assert len(kept) == 2
    times = [path.stat().st_mtime_ns for path in kept]
    costs = json.loads(kept[1].read_text())["value"]
    assert set(costs) | {POLICY} > {POLICY, DEFAULT, ORACLE}
    assert generalisation.main(arguments) == 0
    assert [path.stat().st_mtime_ns for path in kept] == times  # nothing is run again
