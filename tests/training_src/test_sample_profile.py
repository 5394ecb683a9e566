"""The profile `sample`: AWS's deleted sample, against its known scores."""

import gymnasium
import numpy as np
import pytest

import autoscaling_rl.environments  # noqa: F401 - registers AutoScaling-v0
from autoscaling_rl.environments.profiles import SAMPLE_FLAWS


def vector(count, **settings):
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=count, vectorization_mode="vector_entry_point", **settings
    )


def single(**settings):
    return gymnasium.make("AutoScaling-v0", **settings)


def score(policy, **settings):
    """Return mean return and share of down minutes of desired machines by the last load."""
    env = vector(20, profile="sample", actions="desired", **settings)
    env.reset(seed=0)
    simulation, total = env.unwrapped.simulation, np.zeros(20)
    for _ in range(10_001):
        load = simulation.load[(simulation.minute - 1) % simulation.rows, :20]
        total += env.step(policy(load))[1]
    return total.mean(), simulation.totals[:, 3].mean() / 10_001


def test_the_sample_earns_what_was_measured_on_the_original():
    """Do nothing 16,565, fixed 40 machines 20,356, tracking at 50 % 26,460 (200 draws)."""
    flaws = SAMPLE_FLAWS
    still, down = score(lambda load: np.full(20, 50), flaws=flaws)
    assert still == pytest.approx(16_565, abs=700)
    assert down < 1e-3
    fixed, _ = score(lambda load: np.full(20, 40), flaws=flaws)
    assert fixed == pytest.approx(20_356, abs=900)
    tracking, _ = score(lambda load: np.ceil(load / 150).astype(int), flaws=flaws)
    assert tracking == pytest.approx(26_460, abs=900)


def test_the_sample_shows_25_numbers_that_begin_at_zero():
    env = single(profile="sample")
    first, _ = env.reset(seed=0)
    assert first.shape == (25,)
    seen = [env.step(10 + 3)[0] for _ in range(3)][-1]
    assert seen[20:].sum() == pytest.approx(0.9)  # three launches of three machines, by tens
    again, _ = env.reset(seed=0)
    assert (again == first).all()
