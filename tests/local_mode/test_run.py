"""The main job: one command, a policy trained, judged, deployed and asked, or a clear refusal."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from local_mode import bundle, execution, results
from local_mode.errors import UserError
from local_mode.local_aws import LocalAws
from local_mode.provision import provision

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, command: str = "run") -> subprocess.CompletedProcess[str]:
    """Run `python -m local_mode run`, or another command, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "local_mode", command, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Return one run of the smallest preset, and its folder."""
    output = tmp_path_factory.mktemp("run") / "results"
    return run("--preset", "smoke", "--output", str(output)), output


def test_a_run_ends_with_the_verdict_of_the_gate(finished):
    done, output = finished
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert ("Deployed:" if done.returncode == 0 else "Rejected:") in done.stdout
    assert "Traceback" not in done.stderr
    card = json.loads((output / "scorecard.json").read_text())
    for name in card["policies"]:
        assert name in done.stdout
    assert "Everything ran as local processes" in done.stdout


def test_a_run_leaves_report_model_and_trajectories(finished):
    _, output = finished
    assert {path.name for path in output.iterdir()} >= {
        "report.html",
        "scorecard.json",
        "trajectories.csv",
        "model.tar.gz",
        "execution.json",
    }
    assert "<svg" in (output / "report.html").read_text(encoding="utf-8")


def test_nothing_is_written_over(finished):
    _, output = finished
    again = run("--preset", "smoke", "--output", str(output))
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "choose a new folder" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "ppo-autoscalin"], "did you mean ppo-autoscaling?"),
        (["--preset", "zzz"], "known are"),
        (["--load", "no-such-file.csv"], "no-such-file.csv"),
    ],
)
def test_a_mistake_is_one_line_before_anything_starts(tmp_path, arguments, words):
    done = run(*arguments, "--output", str(tmp_path / "results"))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Prepare" not in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timestamp,requests\n2026-01-01T00:00Z,1\n", "line"),
        ("time,load\n", "timestamp,requests"),
        (
            "timestamp,requests\n"
            + "".join(
                f"2026-01-{day:02}T{hour:02}:00Z,{-1 if (day, hour) == (2, 3) else 5}\n"
                for day in range(1, 5)
                for hour in range(24)
            ),
            "line 29",
        ),
    ],
)
def test_a_bad_load_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "load.csv"
    path.write_text(text)
    done = run("--preset", "smoke", "--load", str(path), "--output", str(tmp_path / "results"))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_that_was_produced_is_lost_when_a_later_step_fails(tmp_path):
    with LocalAws() as aws:
        deployment = provision(aws.client)
        aws.client("lambda").update_function_configuration(
            FunctionName=deployment.function_name("gate"),
            Environment={"Variables": {"ARTIFACT_BUCKET": "no-such-bucket"}},
        )
        failed = execution.follow(aws.client, deployment, {"preset": "smoke"})
        kept = results.rescue(aws.client, tmp_path)
        unknown = {"preset": "smoke", "training": {"hyperparameters": {"generatons": 4}}}
        mistaken = execution.follow(aws.client, deployment, unknown)
        later = results.rescue(aws.client, tmp_path)
    assert (failed.status, failed.users_mistake) == ("", False)
    assert "no-such-bucket" in failed.error or "NoSuchBucket" in failed.error
    assert sorted(path.name for path in kept) == 2 * ["model.tar.gz"] + 2 * ["output.tar.gz"]
    assert all(tarfile.is_tarfile(path) for path in kept)
    assert mistaken.users_mistake
    assert "did you mean 'generations'" in mistaken.error
    assert sorted(later) == sorted(kept)  # a failed job leaves nothing to keep


def test_a_toolkit_that_is_not_installed_names_the_command(monkeypatch):
    monkeypatch.setattr(bundle, "_EXTRAS", {"cem": ("no_such_package", "make setup-it")})
    with pytest.raises(UserError, match="run `make setup-it` first"):
        bundle.check_preset("smoke")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("plain words", "plain words"),
        ('{"FailureReason": "AlgorithmError: x, exit code: 2"}', "AlgorithmError: x, exit code: 2"),
        ('{"errorMessage": "preset: unknown", "errorType": "InvalidInput"}', "preset: unknown"),
        ("[1, 2]", "[1, 2]"),
        (
            '{"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded", '
            '"StoppingCondition": {"MaxRuntimeInSeconds": 60}}',
            "the job took longer than training.max_run_seconds (60): give it more",
        ),
        (
            '{"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped", "Environment": {}}',
            "the job ended as Stopped (Stopped)",
        ),
        ('{"errorMessage": "", "errorType": "KeyError", "stackTrace": []}', "KeyError"),
        ('{"Environment": {}}', '{"Environment": {}}'),
    ],
)
def test_the_reason_is_found_in_a_cause(cause, reason):
    assert execution._reason(cause) == reason


def test_the_table_begins_with_the_best_and_marks_the_policy():
    figures = {"failed_percent": 0.1, "machine_hours": 1000.0, "J_over_oracle": 1.1}
    card = {
        "metric": "J",
        "policies": {
            "target_tracking_60": {**figures, "values": [3.0, 3.0]},
            "policy": {**figures, "values": [2.0, 2.0], "gap_closed": None},
            "oracle": {**figures, "values": [1.0, 1.0]},
        },
    }
    lines = [line for line in results.table(card).splitlines() if line]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["oracle", "0.100"],
        ["*", "policy"],
        ["target_tracking_60", "0.100"],
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("options_first", [True, False])
def test_a_back_test_takes_options_before_and_after_the_files(tmp_path, options_first):
    options, files = ["--output", str(tmp_path / "out")], ["model.tar.gz", "no-load.csv"]
    words = [*options, *files] if options_first else [*files, *options]
    done = run(*words, command="backtest")
    assert done.returncode == 2
    assert "no-load.csv: cannot be read" in done.stderr
