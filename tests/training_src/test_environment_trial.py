"""What an environment of one's own does wrong in its first step is one line, not a traceback."""

import sys

import gymnasium
import numpy as np
import pytest

from autoscaling_rl.environment_trial import try_environment
from autoscaling_rl.errors import UserError
from autoscaling_rl.job import run_job


class Steady(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    closed = False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1.0, False, False, {}

    def close(self):
        self.closed = True


def answers(**methods):
    """An environment whose methods return something else."""
    return type(
        "Other", (Steady,), {name: lambda *_, f=f, **__: f() for name, f in methods.items()}
    )()


def zeros(size=2):
    return np.zeros(size, np.float32)


@pytest.mark.parametrize(
    "reward", [1, 1.0, True, np.float32(1), np.float64(1), np.int64(1), np.bool_(True), np.array(1)]
)
def test_a_steady_environment_passes_and_is_closed(reward):
    env = answers(step=lambda: (zeros(), reward, False, True, {}))
    try_environment(env, "own:Steady")
    assert env.closed


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("reset", lambda: zeros(), "reset() returns ndarray, Gymnasium has it return 2: observ"),
        ("reset", lambda: (zeros(3), {}), "reset() returns an observation of shape (3,), and"),
        ("reset", lambda: 1 / 0, "its first reset() fails: ZeroDivisionError: division by zero ("),
        ("step", lambda: (zeros(), 1.0, False, {}), "step() returns 4 values, Gymnasium has it"),
        ("step", lambda: (zeros(1), 1.0, False, False, {}), "shape (1,), and observation_space"),
        ("step", lambda: (zeros(), zeros(1), False, False, {}), "returns the reward"),
        ("step", lambda: (zeros(), None, False, False, {}), "the reward None of type NoneType"),
        ("step", lambda: sys.exit(3), "its first step() fails: SystemExit: 3 (test_environment_"),
        ("step", lambda: [][1], "its first step() fails: IndexError: list index out of range"),
    ],
)
def test_what_does_not_fit_is_named(method, answer, words):
    env = answers(**{method: answer})
    with pytest.raises(UserError) as caught:
        try_environment(env, "own:Other")
    assert str(caught.value).startswith("environment 'own:Other': ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert env.closed


def test_a_job_that_an_environment_ends_says_so(tmp_path, capsys):
    def job(paths, hyperparameters):
        sys.exit("no licence left")

    assert run_job(job, ["--base-dir", str(tmp_path)], name="training", flags={}) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("training failed, see the job's log: SystemExit: no licence left\n")
    assert "Traceback" in capsys.readouterr().err
