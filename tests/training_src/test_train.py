"""The entry script: by hand, as SageMaker calls it, stopped, resumed, and with mistakes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import train
from autoscaling_rl import metrics
from autoscaling_rl.artifact import pack, verify
from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.metrics import definitions
from tests.training_src.jobs import TINY_PRESET

SCRIPT = Path(train.__file__)


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_PRESET)
    return str(path)


@pytest.fixture
def base(tmp_path):
    return tmp_path / "ml"


def run(base, *words):
    return train.main([*words, "--base-dir", str(base)])


def configure(base, **files):
    folder = base / "input" / "config"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def failure(base):
    return (base / "output" / "failure").read_text().splitlines()


def arrays(base):
    with np.load(base / "model" / "policy.npz", allow_pickle=False) as archive:
        return {name: archive[name].tobytes() for name in archive.files}


def test_by_hand_it_needs_no_file_of_sagemaker(base, preset, capsys):
    assert run(base, "--preset", preset, "--seed", "5") == 0
    manifest = verify(base / "model")
    assert manifest["seed"] == 5
    assert manifest["preset"]["training"]["n_envs"] == 4
    assert manifest["environment"]["id"] == "CartPole-v1"
    assert manifest["figures"]["training"]["steps"] == 1024
    assert list((base / "output" / "data" / "tensorboard").glob("events.out.tfevents.*"))
    assert not (base / "output" / "failure").exists()
    printed = capsys.readouterr()
    assert printed.err.count("progress: ") >= 2
    for name in ("reward-training", "reward-testing", "episode_reward_mean", "steps_per_second"):
        (pattern,) = (each["Regex"] for each in definitions() if each["Name"] == name)
        assert any(re.search(pattern, line) for line in printed.out.splitlines()), name


def test_what_training_prints_is_defined(base, preset, capsys):
    assert run(base, "--preset", preset) == 0
    known = [re.compile(each["Regex"]) for each in definitions()]
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert [line for line in lines if not any(each.search(line) for each in known)] == []


def test_as_sagemaker_calls_it(base, preset, monkeypatch):
    texts = {"preset": json.dumps(preset), "sagemaker_program": "train.py", "seed": "1"}
    configure(base, hyperparameters=texts, resourceconfig={"current_host": "a", "hosts": ["a"]})
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    monkeypatch.setenv("SM_MODEL_DIR", str(base / "elsewhere"))
    monkeypatch.setattr(sys, "argv", ["train.py", "--seed", "2"])
    assert train.main() == 0
    assert verify(base / "elsewhere")["seed"] == 2


def test_the_flags_print_and_train_nothing(capsys, preset):
    assert train.main(["--help"]) == 0
    assert "python train.py --preset smoke --base-dir DIR" in capsys.readouterr().out
    assert train.main(["--list-presets"]) == 0
    assert re.search("^ppo-cartpole +PPO balances a pole", capsys.readouterr().out, re.MULTILINE)
    described = ["--describe", "--preset", preset, "--epochs", "3", "--base-dir", "nowhere"]
    assert train.main(described) == 0
    assert not Path("nowhere").exists()
    assert "training.epochs = 3  # passes" in capsys.readouterr().out


def test_a_mistake_is_one_line_and_the_failure_file(base, preset, capsys):
    assert run(base, "--preset", preset, "--lerning_rate", "1") == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: there is no hyperparameter 'lerning_rate', did you mean")
    assert printed.count("\n") == 1
    assert failure(base) == [printed.strip().removeprefix("error: ")]


def test_a_fault_is_a_traceback_and_one_line_first_in_the_failure_file(
    base, preset, capsys, monkeypatch
):
    def break_down(*arguments, **keywords):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(train, "write_artifact", break_down)
    assert run(base, "--preset", preset) == 1
    first, blank, *trace = failure(base)
    assert first == "training failed, see the job's log: RuntimeError: two lines"
    assert blank == ""
    assert any("break_down" in line for line in trace)
    assert "Traceback" in capsys.readouterr().err


def test_an_old_failure_is_forgotten(base, preset):
    assert run(base, "--preset", preset, "--n_envs", "0") == 2
    assert run(base, "--preset", preset) == 0
    assert not (base / "output" / "failure").exists()


def test_without_a_base_folder_the_remedy_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("autoscaling_rl.paths.BASE", str(tmp_path / "none"))
    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    assert train.main(["--preset", "ppo-cartpole"]) == 2
    assert "pass --base-dir DIR" in capsys.readouterr().err


def test_a_full_disk_fails_the_job_and_says_so(base, preset, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.checkpoints.os.fsync", lambda _: full())
    assert run(base, "--preset", preset) == 2
    assert "No space left on device" in failure(base)[0]


def full():
    raise OSError(28, os.strerror(28))


def test_a_cluster_is_refused_by_toolkits_that_cannot_share_work(base):
    configure(base, resourceconfig={"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})
    assert run(base, "--preset", "smoke") == 2
    assert "set instance_count to 1" in failure(base)[0]


def test_checkpoints_of_other_settings_are_refused(base, preset):
    assert run(base, "--preset", preset) == 0
    assert run(base, "--preset", preset, "--seed", "9") == 2
    assert "belong to a job with other settings" in failure(base)[0]


def test_checkpoints_are_good_on_another_device(base, preset, capsys):
    assert run(base, "--preset", preset) == 0
    assert run(base, "--preset", preset, "--device", "cpu") == 0
    assert "resumed from checkpoint 2 of 2" in capsys.readouterr().err


def test_a_warm_start_comes_through_the_checkpoint_channel(base, preset, tmp_path, capsys):
    assert run(tmp_path / "first", "--preset", preset) == 0
    channel = base / "input" / "data" / "checkpoint"
    pack(tmp_path / "first" / "model", channel / "model.tar.gz")
    assert run(base, "--preset", preset, "--steps", "512") == 0
    assert arrays(base) != arrays(tmp_path / "first")
    (channel / "model.tar.gz").write_bytes(b"damaged")
    assert run(base, "--preset", preset, "--steps", "512") == 2
    assert "is damaged or not a .tar.gz" in failure(base)[0]
    channel.rename(channel.with_name("model"))  # what SageMaker's own `model_uri` makes
    assert run(base, "--preset", preset, "--steps", "512") == 2
    assert "is damaged or not a .tar.gz" in failure(base)[0]


def test_a_load_in_a_channel_that_nothing_reads_is_refused(base):
    channel = base / "input" / "data" / "training"
    channel.mkdir(parents=True)
    (channel / "requests.csv").write_text("timestamp,requests\n")
    assert run(base, "--preset", "smoke") == 2
    assert "channel training holds requests.csv, but a load is read from" in failure(base)[0]


def start(base, preset, *words):
    """Start the script as a process of its own, as a training container does."""
    command = [sys.executable, str(SCRIPT), "--preset", preset, *words]
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


LONG = ("--steps", "8192", "--segment_steps", "1024")


def test_sigterm_saves_a_checkpoint_and_the_resumed_job_ends_as_if_never_stopped(base, preset):
    assert run(base.with_name("whole"), "--preset", preset, *LONG) == 0
    process = start(base, preset, *LONG)
    deadline = time.monotonic() + 120
    while Checkpoints(base / "checkpoints")._newest_first() == []:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert time.monotonic() - asked < 60
    manifest = verify(base / "model")
    assert manifest["figures"]["training"]["stopped"] is True
    assert not (base / "output" / "failure").exists()

    assert run(base, "--preset", preset, *LONG) == 0
    assert verify(base / "model")["figures"]["training"]["stopped"] is False
    assert arrays(base) == arrays(base.with_name("whole"))


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C be heeded, which a shell's `&` ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_first_checkpoint_leaves_nothing_and_fails_nothing(
    base, preset, monkeypatch, capfd, number
):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    restore = train.find_toolkit

    def stopped_at_once(name):
        os.kill(os.getpid(), number)
        return restore(name)

    before = signal.getsignal(number)
    monkeypatch.setattr(train, "find_toolkit", stopped_at_once)
    assert run(base, "--preset", preset) == 0
    errors = capfd.readouterr().err
    assert "there is no policy to keep" in errors
    assert ("Ctrl-C again ends it at once" in errors) is (number == signal.SIGINT)
    assert list((base / "model").iterdir()) == []
    assert signal.getsignal(number) == before
    monkeypatch.setattr(train, "find_toolkit", restore)
    assert run(base, "--preset", preset) == 0
    verify(base / "model")


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_ends_it_at_once_in_a_line(base, preset, monkeypatch, capsys):
    def interrupted_twice(name):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "find_toolkit", interrupted_twice)
    assert run(base, "--preset", preset) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert capsys.readouterr().err.splitlines()[-1] == "the training was interrupted"
    assert failure(base) == ["the training was interrupted"]


@pytest.mark.slow
def test_the_extracted_bundle_runs_on_its_own(tmp_path, preset):
    shutil.copytree(
        metrics.DEFINITIONS.parent, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__")
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "train.py", "--preset", preset, "--steps", "256"]
    done = subprocess.run(
        [*command, "--base-dir", str(tmp_path / "ml")],
        cwd=tmp_path / "code",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    verify(tmp_path / "ml" / "model")
