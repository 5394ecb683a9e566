"""AutoScaling-v0, one fleet: against the readable environment, Gymnasium's contract, replay."""

import inspect

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from autoscaling_rl.controller.observation import NAMES
from autoscaling_rl.environments.autoscaling import AutoScalingEnv
from autoscaling_rl.environments.profiles import AutoScalingSettings, warmup_table
from autoscaling_rl.environments.simulation import Replay
from autoscaling_rl.errors import UserError
from tests.training_src.environments import COMPILED, FORMS, begin_plain, vector
from tests.training_src.plain_environment import PlainEnvironment, boot_times, scramble

DAY, WEEK = 1440, 10080

SETTINGS = {
    "defaults": {},
    "fixed warm-up": {"warmup_spread": 0.0, "launch_failure_rate": 0.0},
    "no warm-up": {"warmup_minutes": 0, "launch_failure_rate": 0.3, "minimum_billed_minutes": 5},
    "failures": {"launch_failure_rate": 0.4, "failure_price": 3.0, "revenue": 0.5},
    "minimum billing": {"minimum_billed_minutes": 60, "warmup_spread": 1.0, "max_machines": 40},
    "long warm-up": {"warmup_minutes": 60, "warmup_spread": 0.1, "min_machines": 3},
    "delay": {"metric_delay_minutes": 7, "capacity": 3.7, "mean_machines": 5.0},
    "prices": {"change_price": 1.5, "down_penalty": 9.0, "down_threshold": 0.1},
    "desired": {"actions": "desired", "warmup_minutes": 10, "minimum_billed_minutes": 30},
    "steps of one": {"levels": (-1, 0, 1), "mean_machines": 300.0},
}


@pytest.mark.kernels
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_every_minute_is_that_of_the_readable_environment(settings):
    episodes, minutes = (2, 1500) if COMPILED else (1, 150)
    settings = {"episode_minutes": minutes, **settings}
    env, plain = AutoScalingEnv(**settings), PlainEnvironment(**settings)
    rng = np.random.default_rng(1)
    for episode in range(episodes):
        found = [(*env.reset(seed=episode), 0.0, (False, False))]
        expected = [(*begin_plain(plain, env.simulation), 0.0, (False, False))]
        for _ in range(minutes):
            action = rng.integers(0, env.action_space.n)
            observation, reward, *ends, info = env.step(action)
            found.append((observation, info, reward, tuple(ends)))
            observation, reward, *ends, info = plain.step(action)
            expected.append((observation, info, reward, tuple(ends)))
        compare(found, expected)
        assert found[-1][-1] == (False, True)


def compare(found, expected):
    """Compare whole episodes at once: minute by minute it takes longer than they do."""
    observations, infos, rewards, ends = zip(*found, strict=True)
    wanted, wanted_infos, wanted_rewards, wanted_ends = zip(*expected, strict=True)
    np.testing.assert_allclose(np.array(observations), np.array(wanted), rtol=0, atol=1e-5)
    np.testing.assert_allclose(rewards, wanted_rewards, rtol=1e-6, atol=1e-4)
    assert ends == wanted_ends
    for name in {*infos[0], *wanted_infos[0]}:
        values = [[each[name] for each in episode] for episode in (infos, wanted_infos)]
        np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-12)


@pytest.mark.kernels
def test_the_readable_environment_draws_the_same_load_from_a_seed():
    env, plain = AutoScalingEnv(episode_minutes=20), PlainEnvironment(episode_minutes=20)
    np.testing.assert_allclose(env.reset(seed=3)[0], plain.reset(seed=3)[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(env.reset()[0], plain.reset()[0], rtol=0, atol=1e-5)


def test_boot_times_are_log_normal():
    settings = AutoScalingSettings(warmup_minutes=8, warmup_spread=0.5)
    assert settings.rules().warmups.tolist() == boot_times(8, 0.5)
    times = warmup_table(20, 0.3)
    assert np.median(times) == pytest.approx(20.5)  # boots end within a minute, service begins next
    assert np.log(times - 0.5).std() == pytest.approx(0.3, rel=0.03)
    assert warmup_table(40, 1.0).max() == 60
    bits = [scramble(scramble(0, minute), 0) for minute in range(4000)]
    assert np.mean(bits) == pytest.approx(2**31, rel=0.03)


@pytest.mark.parametrize("settings", FORMS)
def test_gymnasiums_checker_has_nothing_to_say(settings):
    check_env(AutoScalingEnv(episode_minutes=50, **settings), skip_render_check=True)


@pytest.mark.parametrize("settings", FORMS)
def test_the_checker_of_stable_baselines_has_nothing_to_say(settings):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(AutoScalingEnv(episode_minutes=50, **settings))


@pytest.mark.parametrize("settings", FORMS)
def test_it_is_registered_with_gymnasium(settings):
    env = gymnasium.make("AutoScaling-v0", episode_minutes=3, **settings)
    assert isinstance(env.unwrapped, AutoScalingEnv)
    env.reset(seed=0)
    assert [env.step(1)[3] for _ in range(3)] == [False, False, True]
    with pytest.raises(ValueError, match="no render mode"):
        AutoScalingEnv(render_mode="human")


def test_the_docstring_has_gymnasiums_headings():
    text = inspect.getdoc(AutoScalingEnv).splitlines()
    headings = [line.removeprefix("## ") for line in text if line.startswith("## ")]
    known = "Description, Action Space, Observation Space, Rewards, Starting State, Episode End"
    assert headings == [*known.split(", "), "Arguments", "Vectorized", "Version History"]


def play(env, actions):
    """Return the observations and rewards of an episode under given actions."""
    observations, rewards = zip(*[env.step(action)[:2] for action in actions], strict=True)
    return np.array(observations), np.array(rewards)


def test_a_seed_fixes_this_episode_and_those_that_follow():
    actions = np.random.default_rng(0).integers(0, 7, 50)
    runs = []
    for seed in (5, 5, 6):
        env = AutoScalingEnv(launch_failure_rate=0.2)
        env.reset(seed=seed)
        first = play(env, actions)
        env.reset()
        runs.append((first, play(env, actions)))
    (first, second), (again, second_again), (other, _) = runs
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(second[1], second_again[1])
    assert np.abs(first[0] - second[0]).max() > 0.1
    assert np.abs(first[0] - other[0]).max() > 0.1


@pytest.mark.kernels
def test_an_episode_earns_its_revenue_less_the_cost():
    minutes = 1500 if COMPILED else 150
    settings = {"failure_price": 7.0, "change_price": 0.5, "minimum_billed_minutes": 9}
    env = AutoScalingEnv(episode_minutes=minutes, revenue=3.0, **settings)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    earned = load = 0.0
    for _ in range(minutes):
        _, reward, _, _, info = env.step(rng.integers(0, 6))
        earned, load = earned + reward, load + info["load"]
    cost = info["billed_minutes"] + 7 * info["failed_minutes"] + 0.5 * info["changed_machines"]
    assert min(info["failed_minutes"], info["changed_machines"], info["down_minutes"]) > 0
    assert earned == pytest.approx(3 * load / 250 - cost, rel=1e-5)
    assert env.simulation.cost() == pytest.approx([cost])


def test_an_episode_is_cut_and_never_terminates():
    env = AutoScalingEnv(episode_minutes=30, min_machines=0)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(30)]  # a fleet that shrinks to nothing
    assert ends == [(False, False)] * 29 + [(False, True)]


@pytest.mark.parametrize("action", [7, -1, 2.5, "2", None, np.array([2])])
def test_a_wrong_action_changes_nothing(action):
    env, twin = AutoScalingEnv(), AutoScalingEnv()
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(ValueError, match="is not in Discrete"):
        env.step(action)
    observation, reward, *_, info = env.step(6)
    expected, expected_reward, *_, expected_info = twin.step(6)
    np.testing.assert_array_equal(observation, expected)
    assert (reward, info) == (expected_reward, expected_info)


def test_no_number_of_machines_leaves_fewer_than_none_in_service():
    env = AutoScalingEnv(actions="desired", warmup_minutes=30, min_machines=0)
    env.reset(seed=0)
    for wanted in np.random.default_rng(0).choice([0, 5, 400, 1000], 400):
        *_, info = env.step(wanted)
        assert info["in_service"] >= 0
        assert 0 <= info["on_their_way"] <= 1000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"profile": "no"}, "environment.profile is 'no': choose one of default, sample"),
        ({"actions": "box"}, "environment.actions is 'box'"),
        ({"mean_machines": 0.5}, "environment.mean_machines is 0.5: choose a number, 1 to 100000"),
        ({"mean_machines": float("nan")}, "environment.mean_machines is nan"),
        ({"mean_machines": "20"}, "environment.mean_machines is '20'"),
        ({"warmup_minutes": 61}, "environment.warmup_minutes is 61"),
        ({"warmup_minutes": 2.5}, "environment.warmup_minutes is 2.5: choose a whole number"),
        ({"warmup_minutes": True}, "environment.warmup_minutes is True"),
        ({"warmup_spread": -0.1}, "environment.warmup_spread"),
        ({"launch_failure_rate": 1.0}, "environment.launch_failure_rate"),
        ({"failure_price": 0}, "environment.failure_price"),
        ({"change_price": -1}, "environment.change_price"),
        ({"min_machines": -1}, "environment.min_machines"),
        ({"max_machines": 2_000_000}, "environment.max_machines"),
        ({"min_machines": 5, "max_machines": 3}, "environment.max_machines is 3, less than"),
        ({"minimum_billed_minutes": 1441}, "environment.minimum_billed_minutes"),
        ({"metric_delay_minutes": 61}, "environment.metric_delay_minutes"),
        ({"capacity": 0}, "environment.capacity"),
        ({"revenue": -1}, "environment.revenue"),
        ({"down_threshold": 2}, "environment.down_threshold"),
        ({"down_penalty": -1}, "environment.down_penalty"),
        ({"episode_minutes": 0}, "environment.episode_minutes"),
        ({"levels": (1, 0)}, "environment.levels must be .* ascending"),
        ({"levels": (1, 1)}, "environment.levels must be two or more different"),
        ({"levels": (0, 1.5)}, "environment.levels is 1.5: choose a whole number"),
        ({"levels": (0, 5000)}, "environment.levels is 5000"),
        ({"flaws": ("none",)}, "environment.flaws is 'none'"),
        ({"machines": 3}, "environment.machines is unknown: known are profile, mean_machines"),
        ({"profile": "sample", "machines": 3}, "environment.machines is unknown"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, words):
    with pytest.raises(UserError, match=words):
        gymnasium.make("AutoScaling-v0", **settings)


def test_the_observation_has_a_name_for_every_number():
    env = AutoScalingEnv(failure_price=40.0, warmup_minutes=12)
    first, info = env.reset(seed=0)
    numbers = dict(zip(NAMES, first, strict=True))
    assert numbers["price"] == pytest.approx(np.log(2))
    assert numbers["warmup"] == pytest.approx(1.2)
    assert numbers["failed_share"] == 0
    assert np.exp(numbers["fleet"]) - 1 == pytest.approx(info["in_service"], rel=1e-5)
    assert numbers["fleet"] - numbers["demand_level"] == pytest.approx(numbers["in_service"])


@pytest.fixture
def load_file(tmp_path):
    """Write nine days of load that is ten times as high in the last three."""
    minutes = np.arange(0, 9 * DAY, 5)
    load = np.where(minutes < 6 * DAY, 300 + 200 * (minutes % DAY > 720), 5000) + minutes % 7
    start = np.datetime64("2026-01-07T00:00")  # a Wednesday
    rows = [f"{start + minute}Z,{count}" for minute, count in zip(minutes, load, strict=True)]
    path = tmp_path / "load.csv"
    path.write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    return str(path)


def test_a_recorded_load_trains_on_what_comes_before_the_last_third(load_file):
    replay = Replay.of(load_file)
    assert 6 * DAY - 5 <= len(replay.rates) <= 6 * DAY
    assert replay.rates.max() <= 506 / 5
    assert replay.minute_of_week == 2 * DAY


def test_a_recorded_load_is_scaled_to_the_mean_number_of_machines(load_file):
    env = vector(30, load_path=load_file, mean_machines=8, capacity=100.0, episode_minutes=DAY)
    env.reset(seed=1)
    rates = Replay.of(load_file).rates
    load = env.unwrapped.simulation.load[:, :30]
    known = rates * 800 / rates.mean()
    assert np.isin(load, known.astype(np.float32)).all()
    assert load[-DAY - 1 :].mean() == pytest.approx(800, rel=0.05)
    assert load[-1].std() > 50  # episodes begin at different times


def test_a_recorded_load_keeps_its_time_of_week(load_file):
    env = AutoScalingEnv(load_path=load_file, episode_minutes=60)
    place, middle = NAMES.index("sin_day"), env.simulation.settings.mean_machines * 250
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        turn = np.arctan2(*observation[place : place + 2]) / (2 * np.pi)
        minutes = (round(turn * DAY) + np.arange(60)) % DAY
        simulation = env.simulation
        load = simulation.load[simulation.minute : simulation.minute + 60, 0]
        assert (load[abs(minutes - 360) < 350] < middle).all()  # low before noon
        assert (load[abs(minutes - 1080) < 350] > middle).all()


def test_a_recording_shorter_than_an_episode_is_repeated(load_file):
    env = AutoScalingEnv(load_path=load_file, episode_minutes=8 * DAY)
    env.reset(seed=0)
    simulation = env.simulation
    length = len(Replay.of(load_file).rates)
    load = simulation.load[simulation.lead :, 0]
    np.testing.assert_array_equal(load[length:], load[: len(load) - length])
    assert (simulation.load[: simulation.lead, 0] == load[0]).all()  # nothing before the recording
