"""The evaluation job: what it judges on, what it leaves behind, what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import evaluate
import train
from autoscaling_rl.artifact import verify
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.evaluation import recorded
from autoscaling_rl.load.file import read_load
from autoscaling_rl.load.split import evaluation_start

QUICK = ["--pool", "2", "--windows", "2", "--generations", "2", "--window_minutes", "240"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    """Return the folder of a hardly trained artifact."""
    base = tmp_path_factory.mktemp("trained")
    assert train.main(["--preset", "smoke", "--base-dir", str(base), *QUICK]) == 0
    return base / "model"


def job(folder: Path, artifact: Path, *arguments: str, load: Path | None = None) -> int:
    channel = folder / "input" / "data" / "checkpoint"
    shutil.copytree(artifact, channel)
    if load is not None:
        (folder / "input" / "data" / "load").mkdir(parents=True)
        shutil.copy(load, folder / "input" / "data" / "load" / "load.csv")
    return evaluate.main(["--base-dir", str(folder), *arguments])


def load_file(folder: Path, days: int) -> Path:
    minutes = np.arange(0, days * 1440, 5)
    noise = np.random.default_rng(0).uniform(0.9, 1.1, len(minutes))
    load = np.rint(5000 * noise * (1 + 0.5 * np.sin(minutes / 1440 * 2 * np.pi)))
    start = np.datetime64("2026-01-05T00:00")
    rows = [f"{start + minute}Z,{value:.0f}" for minute, value in zip(minutes, load, strict=True)]
    path = folder / "recorded.csv"
    path.write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    return path


def test_generated_windows_give_a_paired_scorecard_and_an_artifact_with_figures(tmp_path, artifact):
    assert job(tmp_path, artifact, "--episodes", "2") == 0
    card = json.loads((tmp_path / "output" / "data" / "scorecard.json").read_text())
    assert card["metric"] == "J"
    assert card["windows"] == ["seed 0", "seed 1"]
    assert {"policy", "oracle", "target_tracking_tuned", "peak_hold_tuned"} <= set(card["policies"])
    assert all(len(each["values"]) == 2 for each in card["policies"].values())
    manifest = verify(tmp_path / "model")
    assert manifest["figures"]["evaluation"]["policies"]["policy"]["J"] > 0
    assert manifest["figures"]["training"]
    rows = (tmp_path / "output" / "data" / "trajectories.csv").read_text().splitlines()
    assert rows[0] == "minute,load,policy,desired,active,pending,failed"


def test_a_recorded_load_is_judged_day_by_day_on_its_last_third(tmp_path, artifact):
    path = load_file(tmp_path, 9)
    assert job(tmp_path / "job", artifact, load=path) == 0
    card = json.loads((tmp_path / "job" / "output" / "data" / "scorecard.json").read_text())
    assert card["windows"] == ["2026-01-11 00:00", "2026-01-12 00:00", "2026-01-13 00:00"]
    report = (tmp_path / "job" / "output" / "data" / "report.html").read_text()
    assert "Measured over 3 days of load" in report
    assert "a local process" in report
    load = read_load(path)
    place = recorded(AutoScalingSettings(), path, 0)
    assert place.window.minutes == 3 * 1440
    assert place.window.requests.tolist() == load.minute_rates[evaluation_start(load) :].tolist()
    assert place.window.rules.capacity * 20 == pytest.approx(place.window.requests.mean())


def test_the_last_third_is_at_most_fourteen_days(tmp_path):
    load = read_load(load_file(tmp_path, 60))
    assert len(load.minute_rates) - evaluation_start(load) == 14 * 1440


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--episodes", "1"], "evaluation.episodes"),
        (["--environment.failure_prise", "3"], "failure_price"),
    ],
)
def test_a_wrong_hyperparameter_is_refused(tmp_path, artifact, capsys, arguments, words):
    assert job(tmp_path, artifact, *arguments) == 2
    assert words in capsys.readouterr().err
    assert words in (tmp_path / "output" / "failure").read_text()


def test_without_an_artifact_there_is_nothing_to_evaluate(tmp_path, capsys):
    assert evaluate.main(["--base-dir", str(tmp_path)]) == 2
    assert "there is no channel `checkpoint`" in capsys.readouterr().err


def test_a_damaged_artifact_is_refused(tmp_path, artifact, capsys):
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    weights = copy / "policy.npz"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert job(tmp_path / "job", copy) == 2
    assert "policy.npz" in capsys.readouterr().err


@pytest.mark.parametrize(("days", "parts"), [(2, 2), (3, 4), (5, 6), (6, 2)])
def test_a_short_load_is_judged_in_two_parts_or_more(tmp_path, artifact, days, parts):
    assert job(tmp_path / "job", artifact, load=load_file(tmp_path, days)) == 0
    card = json.loads((tmp_path / "job" / "output" / "data" / "scorecard.json").read_text())
    assert len(card["windows"]) == parts
    assert card["savings"]["target_tracking_tuned"]["lower"] is not None
    unit = "days" if days == 6 else "parts"  # of less than two days, parts are six hours
    report = (tmp_path / "job" / "output" / "data" / "report.html").read_text()
    assert f"Measured over {parts} {unit} of load" in report


@pytest.mark.parametrize(
    ("idle", "words"), [(False, "nothing to learn from"), (True, "nothing to judge a policy by")]
)
def test_a_load_without_requests_in_one_of_its_parts_is_refused(
    tmp_path, artifact, capsys, idle, words
):
    path = load_file(tmp_path, 3)
    header, *rows = path.read_text().splitlines()
    split = len(rows) * 2 // 3
    for place in range(split, len(rows)) if idle else range(split):
        rows[place] = f"{rows[place].partition(',')[0]},0"
    path.write_text("\n".join([header, *rows]) + "\n")
    assert job(tmp_path / "job", artifact, load=path) == 2
    assert words in capsys.readouterr().err
