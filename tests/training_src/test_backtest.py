import csv
import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import backtest as script
from autoscaling_rl.artifact import pack
from autoscaling_rl.backtest import backtest
from autoscaling_rl.backtest_output import write_backtest
from autoscaling_rl.backtest_settings import BacktestSettings, warmup_table
from autoscaling_rl.baselines.registry import BASELINES
from autoscaling_rl.baselines.replay import replay_decisions
from autoscaling_rl.environments.dynamics import IN_SERVICE
from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import Gap, Load
from tests.training_src.endpoints import autoscaling_artifact, cartpole_artifact
from tests.training_src.plain_dynamics import PlainFleet

pytestmark = pytest.mark.kernels

START = datetime(2024, 1, 1, 0, 10, tzinfo=UTC)
NAMES = ["policy", *BASELINES, "oracle"]
HOUR = 1 / 24


def recorded(minutes=300, gaps=(), mean=2000.0):
    """A short load; files have two days at least."""
    rng = np.random.default_rng(0)
    cycle = 1 + 0.5 * np.sin(np.arange(minutes) / 40)
    return Load(START, 5, mean * cycle * rng.gamma(9, 1 / 9, minutes), "interpolate", tuple(gaps))


def keep_the_start(window, start):
    return replay_decisions(window, lambda minute, fleet: int(fleet[IN_SERVICE]))


def settings(**options):
    return BacktestSettings.from_options({"days": HOUR, **options})


@pytest.fixture(scope="module")
def result():
    options = {
        "mean_machines": 6.0,
        "warmup_distribution": "mix:2:6:0.5",
        "launch_failure_rate": 0.1,
        "minimum_billed_minutes": 4,
        "change_price": 0.5,
        "metric_delay_minutes": 1,
        "seed": 3,
    }
    gaps = [Gap(5, START, 10)]
    return backtest(recorded(180, gaps), settings(**options), keep_the_start)


def test_the_window_begins_half_way_and_takes_its_mean_for_the_capacity(result):
    assert result.start == START + timedelta(minutes=90)
    assert (result.window.first, result.window.minutes) == (90, 60)
    assert result.window.minute_of_hour == 10
    assert result.window.rules.capacity == pytest.approx(result.window.requests.mean() / 6)
    assert list(result.runs) == NAMES


def test_everything_written_agrees(result, tmp_path):
    write_backtest(result, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "trajectories.csv",
        "scorecard.json",
        "report.html",
    }
    with (tmp_path / "trajectories.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["minute", "load", "policy", "desired", "active", "pending", "failed"]
    card = json.loads((tmp_path / "scorecard.json").read_text())
    assert list(card["policies"]) == NAMES
    for name in NAMES:
        mine = [row for row in rows if row["policy"] == name]
        assert [int(row["minute"]) for row in mine] == list(range(60))
        figures = card["policies"][name]
        load, failed = (sum(float(row[key]) for row in mine) for key in ("load", "failed"))
        assert figures["failed_percent"] == pytest.approx(100 * failed / load, abs=1e-6)
        machines = sum(int(row["active"]) + int(row["pending"]) for row in mine)
        owed = 60 * figures["machine_hours"] - machines
        assert owed == pytest.approx(round(owed), abs=1e-6)
        assert owed >= 0
    assert card["window"]["start"] == "2024-01-01T01:40:00+00:00"
    assert card["window"]["interpolated_gaps"] == [str(Gap(5, START, 10))]
    assert card["settings"]["warmup_distribution"] == "mix:2:6:0.5"
    assert card["policies"]["hpa_tuned"]["knobs"].keys() == {"target"}
    assert card["policies"]["oracle"]["J_over_oracle"] == 1
    assert card["policies"]["target_tracking_tuned"]["gap_closed"] in (0, None)
    assert set(card["savings"]) == set(NAMES) - {"policy"}


def test_every_run_is_that_of_the_readable_fleet(result):
    """Desired machines of each policy, played machine by machine, give its record and its J."""
    window = result.window
    rules, card = window.rules, result.scorecard()
    for name, run in result.runs.items():
        fleet = PlainFleet.of(window.machines, rules)
        cost = 0.0
        for minute, load in enumerate(window.requests):
            wanted = int(run.trajectory.desired[minute])
            happened = fleet.step(minute, wanted, load)
            record = run.trajectory.record[1:, minute]
            assert [happened.active, happened.pending] == record[:2].tolist()
            cost += happened.active + happened.pending + happened.owed
            cost += 20 * happened.failed / rules.capacity + 0.5 * happened.changed
        assert card["policies"][name]["J"] == pytest.approx(cost)


def test_the_policy_is_given_the_window_and_when_it_starts(monkeypatch):
    monkeypatch.setattr("autoscaling_rl.backtest.run_baselines", lambda window, history: {})
    given = []

    def policy(window, start):
        given.append((window, start))
        return keep_the_start(window, start)

    load = recorded(3 * 1440)
    start = START + timedelta(days=2, minutes=7)
    backtest(load, settings(start=start, history_days=1, capacity=100.0), policy)
    (window, begun) = given[0]
    assert begun == start
    assert window.first == 1440
    assert window.load.tolist() == load.minute_rates[1447 : 2 * 1440 + 67].tolist()
    assert window.rules.capacity == 100.0


def test_knobs_do_not_depend_on_the_window():
    load = recorded(180)
    changed = load.minute_rates.copy()
    changed[90:] *= 3
    other = Load(load.start, 5, changed, "interpolate", ())
    fixed = settings(capacity=100.0)
    runs = [backtest(each, fixed, keep_the_start).runs for each in (load, other)]
    assert [run.knobs for run in runs[0].values()] == [run.knobs for run in runs[1].values()]


def test_the_window_is_cut_at_the_end_of_the_load():
    start = START + timedelta(minutes=200)
    assert backtest(recorded(), settings(days=3, start=start), keep_the_start).window.minutes == 100


@pytest.mark.parametrize("minutes", [-10_000, 59, 241, 10_000])
def test_a_start_without_load_before_or_after_it_is_refused(minutes):
    start = START + timedelta(minutes=minutes)
    with pytest.raises(UserError, match="from 2024-01-01T01:10Z to 2024-01-01T04:10Z"):
        backtest(recorded(), settings(start=start), keep_the_start)


def test_a_window_without_requests_needs_a_capacity():
    idle = recorded(mean=0.0)
    with pytest.raises(UserError, match="give --capacity"):
        backtest(idle, settings(), keep_the_start)
    policies = backtest(idle, settings(capacity=5.0), keep_the_start).scorecard()["policies"]
    assert policies["policy"]["J"] == 60
    assert policies["policy"]["gap_closed"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mix:1:8:0.25", {1: 768, 8: 256}),
        ("mix:0.4:2.2:0", {1: 1024}),
        ("mix:0:3:1", {3: 1024}),
        ("lognormal:5:0", {5: 1024}),
        ("lognormal:60:0.5", {60: 526}),
    ],
)
def test_warmup_distributions(text, expected):
    minutes, counts = np.unique(warmup_table(text), return_counts=True)
    found = dict(zip(minutes.tolist(), counts.tolist(), strict=True))
    assert found.items() >= expected.items()
    assert sum(counts) == 1024


def test_a_lognormal_warmup_is_rounded_up():
    table = warmup_table("lognormal:5.5:0.4")
    assert np.median(table) == 6
    assert np.mean(table <= 5) == pytest.approx(0.406, abs=0.01)  # of log(5 / 5.5) / 0.4
    assert table.min() >= 1


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("mean_machines", 0.0, "--mean-machines: .* greater than 0"),
        ("warmup_minutes", 61, "--warmup-minutes: .* at most 60"),
        ("failure_price", -1.0, "--failure-price: .* at least 0"),
        ("history_days", 0, "--history-days: .* at least 1"),
        ("days", 0.0, "--days: "),
        ("min_machines", 0, "--min-machines: .* at least 1"),
        ("capacity", 0.0, "--capacity: .* greater than 0"),
        ("bins", "smooth", "--bins: .* interpolate, hold"),
        ("launch_failure_rate", 1.0, "--launch-failure-rate: .* at most 0.9"),
        ("metric_delay_minutes", -1, "--metric-delay-minutes: .* at least 0"),
        ("change_price", float("nan"), "--change-price: .* finite"),
        ("minimum_billed_minutes", 1441, "--minimum-billed-minutes: .* at most 1440"),
        ("seed", -1, "--seed: .* at least 0"),
        ("warmup_distribution", "normal:5:1", "--warmup-distribution: .* lognormal:MEDIAN:SIGMA"),
        ("warmup_distribution", "mix:1:8", "--warmup-distribution: .* number of figures"),
        ("warmup_distribution", "mix:8:1:0.5", "--warmup-distribution: .* FAST <= SLOW"),
        ("warmup_distribution", "mix:1:2:x", "--warmup-distribution: .* e.g."),
        ("warmup_distribution", "lognormal:nan:1", "--warmup-distribution: .* MEDIAN up to 60"),
    ],
)
def test_wrong_options_are_refused(option, value, words):
    with pytest.raises(UserError, match=words):
        settings(**{option: value})


def test_limits_that_exclude_each_other_are_refused():
    with pytest.raises(UserError, match="less than min_machines 9: raise it"):
        settings(min_machines=9, max_machines=8)


@pytest.fixture
def load_csv(tmp_path):
    rates = recorded(2 * 1440).minute_rates
    times = (START + timedelta(minutes=minute) for minute in range(len(rates)))
    rows = [f"{time:%Y-%m-%dT%H:%MZ},{rate:.0f}" for time, rate in zip(times, rates, strict=True)]
    path = tmp_path / "load.csv"
    del rows[100:110]
    path.write_text("\n".join(["timestamp,requests", *rows]))
    return path


@pytest.fixture
def model(tmp_path):
    pack(autoscaling_artifact(tmp_path / "artifact"), tmp_path / "model.tar.gz")
    return tmp_path / "model.tar.gz"


def test_the_script_writes_all_files_and_a_table(model, load_csv, tmp_path, capsys):
    output = tmp_path / "new" / "folder"
    arguments = [str(model), str(load_csv), "--output", str(output), "--days", "0.05"]
    assert script.main([*arguments, "--start", "2024-01-01T03:00Z"]) == 0
    told = capsys.readouterr()
    assert "10 minutes from 2024-01-01T01:50:00+00:00 are missing: interpolated" in told.err
    assert all(name in told.out for name in NAMES)
    card = json.loads((output / "scorecard.json").read_text())
    assert card["window"]["start"] == "2024-01-01T03:00:00+00:00"
    assert card["window"]["minutes"] == 72
    assert card["policies"]["policy"]["J"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "many"], "argument --days: invalid float value: 'many'"),
        (["--start", "yesterday"], "'yesterday' is not a time like 2004-12-01T00:00Z"),
        (["--warmup", "5"], "unrecognized arguments: --warmup 5"),
        (["--seed", "1.5"], "argument --seed: invalid int value"),
        (["--max-machines", "-1"], "--max-machines: backtest.max_machines must be at least 0"),
        (["--start", "2034-12-01"], "choose a time from 2024-01-01T01:10Z"),
    ],
)
def test_the_script_names_a_wrong_option(model, load_csv, tmp_path, capsys, arguments, words):
    common = [str(model), str(load_csv), "--output", str(tmp_path / "output")]
    assert script.main([*common, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert line.startswith("error: ")
    assert words in line


def test_the_script_names_a_wrong_file(model, load_csv, tmp_path, capsys):
    cartpole = tmp_path / "cartpole.tar.gz"
    pack(cartpole_artifact(tmp_path / "cartpole"), cartpole)
    for arguments, words in (
        ([cartpole, load_csv, "--output", tmp_path], "does not scale machines"),
        ([load_csv, load_csv, "--output", tmp_path], "load.csv"),
        ([model, tmp_path / "missing.csv", "--output", tmp_path], "missing.csv: cannot be read"),
        ([model, load_csv, "--output", load_csv / "below"], "cannot be written (Not a directory)"),
        ([model, load_csv], "--output"),
    ):
        assert script.main([str(each) for each in arguments]) == 2
        assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_disk_that_is_full_leaves_nothing_behind(model, load_csv, tmp_path, monkeypatch, capsys):
    arguments = [str(model), str(load_csv), "--days", "0.2", "--output", str(tmp_path / "output")]
    write = script.write_backtest

    def half(result, folder):
        write(result, folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(script, "write_backtest", half)
    assert script.main(arguments) == 2
    assert "cannot be written (No space left on device)" in capsys.readouterr().err
    assert not list((tmp_path / "output").iterdir())
    monkeypatch.undo()
    assert script.main(arguments) == 0
    assert {each.name for each in (tmp_path / "output").iterdir()} == set(script.RESULTS)


# The script itself, whose back-test takes long, and which gets one more signal at its very end.
SLOW = """
import os, runpy, signal, sys, time
import autoscaling_rl.backtest
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` ignores
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, 15)
sys.late = Late()
def slow(*_):
    print("begun", flush=True)
    time.sleep(600)
autoscaling_rl.backtest.backtest = slow
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(model, load_csv, tmp_path, number):
    output, workspace = tmp_path / "output", tmp_path / "tmp"
    workspace.mkdir()
    arguments = [
        script.__file__,
        str(model),
        str(load_csv),
        "--days",
        "0.2",
        "--output",
        str(output),
    ]
    command = [sys.executable, "-c", SLOW, *arguments]
    environment = {**os.environ, "TMPDIR": str(workspace), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        assert len([*output.iterdir(), *workspace.iterdir()]) == 2
        process.send_signal(number)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "stopped: nothing is half-written"
    assert "Traceback" not in errors
    assert not [*output.iterdir(), *workspace.iterdir()]


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        script.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for field in fields(BacktestSettings):
        assert f"--{field.name.replace('_', '-')} " in text
