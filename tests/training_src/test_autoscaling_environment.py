"""AutoScaling-v0 through Gymnasium: checkers, seeds, one fleet against many, rewards, replay."""

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import autoscaling_rl.environments  # noqa: F401 - registers AutoScaling-v0
from autoscaling_rl.environments.profiles import SAMPLE_FLAWS, AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay
from autoscaling_rl.errors import UserError

FORMS = [
    {},
    {"profile": "sample"},
    {"actions": "desired"},
    {"levels": (-1, 0, 1), "metric_delay_minutes": 3},
]


def single(**settings):
    return gymnasium.make("AutoScaling-v0", **settings)


def vector(count, **settings):
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=count, vectorization_mode="vector_entry_point", **settings
    )


@pytest.mark.parametrize("settings", FORMS)
def test_gymnasiums_checker_has_nothing_to_say(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(single(**settings).unwrapped)


def test_the_checker_of_stable_baselines_has_nothing_to_say():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(single().unwrapped)


@pytest.mark.kernels
@pytest.mark.parametrize("settings", FORMS)
def test_fleet_i_of_many_is_one_fleet_under_its_seed(settings):
    episode, count, steps = 20, 3, 50
    many = vector(count, episode_minutes=episode, **settings)
    ones = [single(episode_minutes=episode, **settings) for _ in range(count)]
    seen, _ = many.reset(seed=7)
    expected = [one.reset(seed=7 + index)[0] for index, one in enumerate(ones)]
    assert (seen == np.array(expected)).all()
    rng = np.random.default_rng(0)
    desired = settings.get("actions") == "desired"
    begin_anew = False
    for _ in range(steps):
        low, high = (10, 30) if desired else (0, many.single_action_space.n)
        actions = rng.integers(low, high, count)
        seen, rewards, terminated, truncated, info = many.step(actions)
        assert not terminated.any()
        for index, one in enumerate(ones):
            if begin_anew:
                observation, reward, ended = one.reset()[0], 0.0, False
            else:
                observation, reward, _, ended, _ = one.step(actions[index])
            assert (observation == seen[index]).all()
            assert (reward, ended) == (rewards[index], truncated[index])
        begin_anew = bool(truncated.all())
        assert ("episode_totals" in info) == begin_anew


@pytest.mark.kernels
def test_the_step_that_ends_an_episode_can_begin_the_next():
    env = vector(2, episode_minutes=5, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.array([3, 3]))
    seen, _, _, truncated, info = env.step(np.array([3, 3]))
    assert truncated.all()
    assert (info["final_obs"] != seen).any()
    assert env.unwrapped.simulation.totals.sum() == 0


@pytest.mark.kernels
def test_some_fleets_can_begin_anew_while_others_go_on():
    env = vector(3, episode_minutes=30)
    env.reset(seed=0)
    for _ in range(7):
        env.step(np.array([4, 3, 2]))
    before = env.unwrapped.simulation.totals.copy()
    env.reset(options={"reset_mask": np.array([False, True, False])})
    after = env.unwrapped.simulation.totals
    assert (after[[0, 2]] == before[[0, 2]]).all()
    assert not after[1].any()
    ends = [env.step(np.array([3, 3, 3]))[3] for _ in range(30)]
    assert [int(np.flatnonzero(column)[0]) for column in np.array(ends).T] == [22, 29, 22]


@pytest.mark.kernels
@pytest.mark.parametrize("change_price", [0.0, 2.0])
def test_the_return_is_revenue_minus_the_cost(change_price):
    env = single(episode_minutes=60, change_price=change_price, minimum_billed_minutes=8)
    env.reset(seed=3)
    rng, total, load = np.random.default_rng(0), 0.0, 0.0
    for _ in range(60):
        _, reward, _, _, info = env.step(rng.integers(0, 7))
        total, load = total + reward, load + info["load"]
    cost = info["billed_minutes"] + 20 * info["failed_minutes"]
    cost += change_price * info["changed_machines"]
    assert total == pytest.approx(2 * load / 250 - cost, rel=1e-5)
    assert env.unwrapped.simulation.cost()[0] == pytest.approx(cost)


def test_a_wrong_action_changes_nothing():
    env = vector(2)
    env.reset(seed=0)
    before = env.unwrapped.simulation.fleets.copy()
    for actions in ([0, 7], [-1, 0], [0, 0, 0]):
        with pytest.raises(ValueError, match="action"):
            env.step(np.array(actions))
    assert (env.unwrapped.simulation.fleets == before).all()
    one = single()
    one.reset(seed=0)
    with pytest.raises(ValueError, match="action 9 is not in"):
        one.step(9)


def test_limits_hold():
    env = single(min_machines=4, max_machines=6, actions="desired")
    env.reset(seed=0)
    for wanted in (0, 100, 0, 5, 1000):
        env.step(wanted)
        fleet = env.unwrapped.simulation.fleets[0]
        assert 4 <= fleet[0] + fleet[1] <= 6


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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"profile": "no"}, "environment.profile"),
        ({"warmup_minutes": 61}, "environment.warmup_minutes is 61"),
        ({"failure_price": 0}, "environment.failure_price"),
        ({"min_machines": 5, "max_machines": 3}, "less than min_machines"),
        ({"levels": (1, 0)}, "ascending"),
        ({"machines": 3}, "environment.machines is unknown"),
        ({"flaws": ("none",)}, "environment.flaws"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, words):
    with pytest.raises(UserError, match=words):
        AutoScalingSettings.of(**settings)


@pytest.fixture
def load_file(tmp_path) -> Path:
    """Return six days of load that is ten times as high in the last third."""
    minutes = np.arange(0, 6 * 1440, 5)
    load = np.where(minutes < 4 * 1440, 500, 5000) + minutes % 7
    start = np.datetime64("2026-01-05T00:00")
    rows = [f"{start + minute}Z,{value}" for minute, value in zip(minutes, load, strict=True)]
    path = tmp_path / "load.csv"
    path.write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    return path


def test_a_recorded_load_trains_on_what_comes_before_the_last_third(load_file):
    replay = Replay.of(str(load_file))
    assert 4 * 1440 - 5 <= len(replay.rates) <= 4 * 1440
    assert replay.rates.max() < 102
    env = single(load_path=str(load_file), mean_machines=8, episode_minutes=300)
    env.reset(seed=1)
    loads = [env.step(3)[4]["load"] for _ in range(300)]
    assert np.mean(loads) == pytest.approx(8 * 250, rel=0.02)


@pytest.mark.kernels
def test_what_is_seen_does_not_depend_on_the_future():
    one, other = vector(1), vector(1)
    for env in (one, other):
        env.reset(seed=5)
    simulation = other.unwrapped.simulation
    future = np.arange(simulation.minute + 10, simulation.minute + 200) % simulation.rows
    simulation.load[future] *= 3
    simulation.demand[future] += 1
    for minute in range(12):
        seen, expected = other.step(np.array([3]))[0], one.step(np.array([3]))[0]
        assert (seen == expected).all() == (minute < 10)
