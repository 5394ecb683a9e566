"""AutoScaling-v0, many fleets: each is one fleet under its own seed, however episodes begin."""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from autoscaling_rl.environments.autoscaling import AutoScalingEnv
from autoscaling_rl.environments.vector import AutoScalingVectorEnv
from tests.training_src.environments import COMPILED, FORMS, begin_plain, vector
from tests.training_src.plain_environment import PlainEnvironment

EPISODE, FLEETS = 12, 3
# Compiled, one column and several may be rounded differently: processors differ in which products
# and sums they round together, and where (`kernel.jit_fast`). It is two last bits at most.
ROUNDING = 1e-6 if COMPILED else 0.0
MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]


def assert_same(observations, expected):
    """Compare observations of several fleets with those of single ones."""
    np.testing.assert_allclose(observations, expected, rtol=0, atol=ROUNDING)


class Singles:
    """Single environments that begin anew as Gymnasium's modes of autoreset say."""

    def __init__(self, mode, settings):
        self.envs = [AutoScalingEnv(episode_minutes=EPISODE, **settings) for _ in range(FLEETS)]
        self.mode = mode
        self.ended = [False] * FLEETS

    def reset(self, seed):
        return np.array([env.reset(seed=seed + i)[0] for i, env in enumerate(self.envs)])

    def step(self, actions):
        """Return observations, rewards, ends, and the last observation of ended episodes."""
        results = []
        for index, env in enumerate(self.envs):
            if self.ended[index]:
                results.append((env.reset()[0], 0.0, False, None))
                self.ended[index] = False
                continue
            observation, reward, _, ended, _ = env.step(actions[index])
            final = observation if ended else None
            if ended and self.mode == AutoresetMode.SAME_STEP:
                observation, _ = env.reset()
            elif ended and self.mode == AutoresetMode.NEXT_STEP:
                self.ended[index] = True
            results.append((observation, reward, ended, final))
        return tuple(zip(*results, strict=True))


@pytest.mark.kernels
@pytest.mark.parametrize("settings", FORMS)
@pytest.mark.parametrize("mode", MODES)
def test_fleet_i_is_one_fleet_under_its_seed_over_several_episodes(mode, settings):
    many = vector(FLEETS, episode_minutes=EPISODE, autoreset_mode=mode, **settings)
    ones = Singles(mode, settings)
    assert many.metadata["autoreset_mode"] == mode
    observations, expected = many.reset(seed=7)[0], ones.reset(7)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(4 * EPISODE):
        assert_same(observations, expected)
        actions = rng.integers(0, many.single_action_space.n, FLEETS)
        observations, rewards, terminated, truncated, info = many.step(actions)
        expected, *others, finals = ones.step(actions)
        np.testing.assert_array_equal(rewards, np.float32(others[0]))
        np.testing.assert_array_equal(truncated, others[1])
        assert not terminated.any()
        assert ("episode_totals" in info) == truncated.any()
        if truncated.any() and mode == AutoresetMode.SAME_STEP:
            assert_same(info["final_obs"], np.array(finals))
        if truncated.any() and mode == AutoresetMode.DISABLED:
            observations, _ = many.reset(options={"reset_mask": truncated})
            expected = [env.reset()[0] for env in ones.envs]
        ends += truncated.sum()
    assert ends >= 3 * FLEETS


@pytest.mark.kernels
@pytest.mark.parametrize("settings", FORMS)
def test_fleets_that_begin_at_different_times_are_those_that_begin_together(settings):
    """Also when the ring of minutes has been overwritten several times."""
    mode = AutoresetMode.DISABLED
    many = vector(FLEETS, episode_minutes=EPISODE, autoreset_mode=mode, **settings)
    ones = Singles(mode, settings)
    observations, expected = many.reset(seed=1)[0], ones.reset(1)
    rng = np.random.default_rng(0)
    for _ in range(5 * EPISODE):
        actions = rng.integers(0, many.single_action_space.n, FLEETS)
        mask = rng.random(FLEETS) < 0.2
        observations, rewards, *_ = many.step(actions)
        expected, expected_rewards, *_ = ones.step(actions)
        if mask.any():
            observations, _ = many.reset(options={"reset_mask": mask})
        pairs = zip(ones.envs, expected, mask, strict=True)
        expected = [env.reset()[0] if anew else seen for env, seen, anew in pairs]
        np.testing.assert_array_equal(rewards, np.float32(expected_rewards))
        # The sums over windows were carried along from different minutes: not the same last bit.
        np.testing.assert_allclose(observations, expected, rtol=0, atol=1e-5)


@pytest.mark.skipif(not COMPILED, reason="more than a week takes long in plain Python")
def test_after_weeks_of_steps_the_numbers_are_still_right():
    env = AutoScalingVectorEnv(2, episode_minutes=6000, autoreset_mode=AutoresetMode.SAME_STEP)
    plain = PlainEnvironment(episode_minutes=6000)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for minute in range(30_000):
        actions = rng.integers(0, 7, 2)
        observations, rewards, _, truncated, _ = env.step(actions)
        if minute == 23_999:
            assert truncated.all()
            begin_plain(plain, env.simulation, column=1)
        elif minute >= 24_000:
            expected, reward, _, ended, _ = plain.step(actions[1])
            assert truncated[1] == ended
            if not ended and minute % 10 == 0:
                np.testing.assert_allclose(observations[1], expected, rtol=0, atol=1e-5)
                assert rewards[1] == pytest.approx(reward, abs=1e-4)
    assert minute > env.simulation.rows


def test_a_mask_restricts_a_reset_and_its_seeds():
    env, twin = vector(3), vector(3)
    for each in (env, twin):
        each.reset(seed=0)
        each.step(np.array([0, 3, 6]))
    totals = env.unwrapped.simulation.totals.copy()
    observations, _ = env.reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    alone, _ = AutoScalingEnv().reset(seed=51)
    assert_same(observations[1], alone)
    np.testing.assert_array_equal(env.unwrapped.simulation.totals[[0, 2]], totals[[0, 2]])
    assert not env.unwrapped.simulation.totals[1].any()
    # The others go on, and their next episodes are those of their first seeds.
    steps = [each.step(np.array([3, 3, 3]))[0] for each in (env, twin)]
    np.testing.assert_array_equal(steps[0][[0, 2]], steps[1][[0, 2]])
    resets = [each.reset()[0] for each in (env, twin)]
    np.testing.assert_array_equal(resets[0][[0, 2]], resets[1][[0, 2]])
    assert (resets[0][1] != resets[1][1]).any()


def test_a_partial_reset_after_an_automatic_one_leaves_the_others_alone():
    env = vector(2, episode_minutes=5)
    env.reset(seed=0)
    for _ in range(6):  # the sixth step begins the next episodes
        env.step(np.array([3, 3]))
    for _ in range(2):
        env.step(np.array([3, 3]))
    env.reset(options={"reset_mask": np.array([False, True])})
    ends = np.array([env.step(np.array([3, 3]))[3] for _ in range(6)])
    assert [np.flatnonzero(column).tolist() for column in ends.T] == [[2], [4]]


@pytest.mark.parametrize("mask", [[True, False], np.array([1, 0]), np.array([True])])
def test_a_wrong_mask_is_refused(mask):
    env = vector(3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="reset_mask must be 3 booleans"):
        env.reset(options={"reset_mask": mask})


def test_seeds_can_be_given_one_by_one():
    env, other = vector(2), vector(2)
    first, _ = env.reset(seed=[4, 9])
    assert_same(first[1], AutoScalingEnv().reset(seed=9)[0])
    np.testing.assert_array_equal(other.reset(seed=4)[0][0], first[0])
    again, _ = env.reset(seed=[4, None])
    np.testing.assert_array_equal(again[0], first[0])
    assert (again[1] != first[1]).any()
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        env.reset(seed=[1, 2, 3])


def test_nothing_handed_out_changes_later():
    for settings in FORMS:
        env = vector(2, episode_minutes=6, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
        handed_out = [env.reset(seed=0)[0]]
        copies = [handed_out[0].copy()]
        for _ in range(20):
            observations, rewards, _, truncated, info = env.step(np.array([1, 2]))
            arrays = [observations, rewards, truncated, *info.values()]
            handed_out += arrays
            copies += [array.copy() for array in arrays]
        env.reset(options={"reset_mask": np.array([True, False])})
        for array, copy in zip(handed_out, copies, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.kernels
@pytest.mark.parametrize(
    "actions", [[0, 7], [-1, 0], [0, 0, 0], [0.0, 1.0], [True, False], [[0, 1]], [2**63, 0]]
)
def test_wrong_actions_change_nothing(actions):
    env, twin = AutoScalingVectorEnv(2), AutoScalingVectorEnv(2)
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(np.array(actions))
    after, expected = (each.step(np.array([6, 0])) for each in (env, twin))
    np.testing.assert_array_equal(after[0], expected[0])
    np.testing.assert_array_equal(after[1], expected[1])
    np.testing.assert_array_equal(env.simulation.totals, twin.simulation.totals)


def test_the_first_step_needs_a_reset():
    env = vector(2)
    with pytest.raises(ResetNeeded):
        env.step(np.array([0, 0]))
    env.reset(seed=0, options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        env.step(np.array([0, 0]))


@pytest.mark.parametrize("settings", FORMS)
def test_spaces_hold_what_is_handed_out(settings):
    env = vector(4, **settings)
    observations, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(200):
        assert observations.dtype == np.float32
        assert env.observation_space.contains(np.ascontiguousarray(observations))
        observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert (rewards.dtype, truncated.dtype, terminated.dtype) == (np.float32, np.bool_, np.bool_)
    assert env.single_observation_space == AutoScalingEnv(**settings).observation_space
    assert env.single_action_space == AutoScalingEnv(**settings).action_space


def test_gymnasium_makes_it_by_default_and_can_step_single_ones_as_well():
    env = gymnasium.make_vec("AutoScaling-v0", num_envs=2)
    assert isinstance(env.unwrapped, AutoScalingVectorEnv)
    apart = gymnasium.make_vec("AutoScaling-v0", num_envs=2, vectorization_mode="sync")
    assert isinstance(apart.unwrapped, SyncVectorEnv)
    assert_same(env.reset(seed=3)[0], apart.reset(seed=3)[0])
    with pytest.raises(ValueError, match="no render mode"):
        AutoScalingVectorEnv(2, render_mode="human")


def test_the_figures_of_an_ended_episode_are_told():
    env = vector(2, episode_minutes=8)
    env.reset(seed=0)
    single = AutoScalingEnv(episode_minutes=8)
    single.reset(seed=1)
    for _ in range(8):
        *_, info = env.step(np.array([0, 0]))
        *_, expected = single.step(0)
    names = ("billed_minutes", "failed_minutes", "changed_machines", "down_minutes")
    assert info["episode_totals"][1] == pytest.approx([expected[name] for name in names])
    assert info["_episode_totals"].all()
    assert expected["failed_minutes"] > 0
