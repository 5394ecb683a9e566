"""The toolkit cem: it learns, the same seed gives the same policy, and it resumes exactly."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.controller.observation import SIZE
from autoscaling_rl.errors import UserError
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.presets import load_preset
from autoscaling_rl.toolkits import TrainingJob, TrainingStopped, find_toolkit

TINY = {"generations": 6, "segment_generations": 2, "pool": 3, "windows": 2, "window_minutes": 240}


def job(
    folder: Path, *, stop=lambda: False, output=None, messages=None, load=None, **changes
) -> TrainingJob:
    texts = {name: json.dumps(value) for name, value in {**TINY, **changes}.items()}
    return TrainingJob(
        preset=load_preset("smoke", texts),
        checkpoints=Checkpoints(folder / "checkpoints"),
        reporter=Reporter(output=output or io.StringIO(), messages=messages or io.StringIO()),
        stop=stop,
        load_path=load,
    )


def train(*arguments, **parts):
    return find_toolkit("cem").train(job(*arguments, **parts))


def same(one, other) -> bool:
    return all(
        (one.policy.arrays()[name] == value).all() for name, value in other.policy.arrays().items()
    )


def test_a_seed_fixes_the_policy_and_another_seed_gives_another(tmp_path):
    first, again = train(tmp_path / "a"), train(tmp_path / "b")
    assert same(first, again)
    assert not same(first, train(tmp_path / "c", seed=1))


@pytest.mark.parametrize("generation", [1, 2, 3, 5])
def test_a_stopped_training_resumes_to_the_same_policy(tmp_path, generation):
    whole = train(tmp_path / "whole")
    asked = iter([False] * generation + [True] * 100)
    stopped = train(tmp_path / "cut", stop=lambda: next(asked))
    assert stopped.figures["stopped"] is True
    assert stopped.figures["generations"] == generation
    resumed = train(tmp_path / "cut", messages=(messages := io.StringIO()))
    assert f"resumed at generation {generation} of 6" in messages.getvalue()
    assert same(whole, resumed)
    assert resumed.figures["curve"] == whole.figures["curve"]


def test_a_training_stopped_at_once_has_no_policy(tmp_path):
    with pytest.raises(TrainingStopped):
        train(tmp_path, stop=lambda: True)


def test_it_learns(tmp_path):
    output = io.StringIO()
    trained = train(
        tmp_path,
        output=output,
        generations=15,
        population=32,
        pool=4,
        windows=4,
        window_minutes=720,
    )
    curve = np.array(trained.figures["curve"])
    assert curve[-3:, 1].mean() > curve[:3, 1].mean()
    assert "episode_reward_mean: -" in output.getvalue()
    assert output.getvalue().count("steps_per_second: ") == 15
    assert f"environment_steps: {15 * 32 * 4 * 720:.6g}\n" in output.getvalue()
    assert trained.golden_observations.shape[1] == SIZE
    assert len(trained.golden_observations) >= 64


def test_the_policy_looks_at_load_alone(tmp_path):
    weights = train(tmp_path).policy.weights[0]
    assert not weights[:6].any()
    assert weights.any()


def test_a_recorded_load_changes_what_is_learnt(tmp_path, load_file):
    generated = train(tmp_path / "a")
    assert not same(generated, train(tmp_path / "b", load=load_file))


@pytest.fixture
def load_file(tmp_path) -> Path:
    minutes = np.arange(4 * 1440)
    load = np.rint(1000 + 500 * np.sin(minutes / 1440 * 2 * np.pi))
    start = np.datetime64("2026-01-05T00:00")
    rows = [
        f"{start + minute}:00Z,{value:.0f}" for minute, value in zip(minutes, load, strict=True)
    ]
    path = tmp_path / "load.csv"
    path.write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"elites": 16, "population": 16}, "training.elites is 16"),
        ({"environment.id": "CartPole-v1"}, "toolkit cem trains the profile default"),
        ({"environment.profile": "sample"}, "toolkit cem trains the profile default"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        train(tmp_path, **changes)


def test_several_instances_are_refused_with_the_reason(tmp_path):
    cluster = TrainingJob(
        preset=load_preset("smoke"),
        checkpoints=Checkpoints(tmp_path),
        reporter=Reporter(output=io.StringIO(), messages=io.StringIO()),
        hosts=("algo-1", "algo-2"),
    )
    with pytest.raises(UserError, match="set instance_count to 1"):
        find_toolkit("cem").train(cluster)
