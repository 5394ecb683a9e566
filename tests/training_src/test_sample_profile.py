"""The profile `sample` is AWS's deleted sample: its constants, its 25 numbers, its known scores."""

from math import cos, floor, log, pi, sqrt

import numpy as np
import pytest

from autoscaling_rl.environments.autoscaling import AutoScalingEnv
from autoscaling_rl.environments.profiles import SAMPLE_FLAWS, AutoScalingSettings
from autoscaling_rl.environments.simulation import Simulation
from tests.training_src.environments import COMPILED
from tests.training_src.plain_environment import scramble

ALPHAS = (1.0, 0.1, 0.01, 0.001, 0.0001)
DAY, WEEK = 1440, 10080


class PlainSample:
    """The sample's web service, minute by minute; but removal takes those on their way first."""

    def __init__(self, fleet_wide_noise):
        self.active, self.queue = 50, [0] * 5  # machines that join in 1, 2, ... minutes
        self.fleet_wide_noise = fleet_wide_noise
        self.averages = [0.0] * 20

    def step(self, change, load, clock):
        """Return observation and reward in dollars."""
        self.active += self.queue.pop(0)
        self.queue.append(max(0, min(change, 833 - self.active - sum(self.queue))))
        for _ in range(-change):
            newest = [place for place in range(5) if self.queue[place] > 0]
            if newest:
                self.queue[newest[-1]] -= 1
            else:
                self.active = max(0, self.active - 1)
        capacity = self._capacity(clock)
        failed = max(0.0, load - capacity)
        down = failed > 0.005 * load
        reward = 0.0009 * (load - failed) - 0.05 * self.active - (200 if down else 0)
        return self._observation(load, failed, down), reward

    def _capacity(self, clock):
        even = (scramble(clock, 1) + 1) / (2**32 + 1)
        turn = scramble(clock, 2) / 2**32
        deviation = 30 * sqrt(-2 * log(even)) * cos(2 * pi * turn)
        if not self.fleet_wide_noise:  # then machines scatter on their own
            deviation /= sqrt(max(self.active, 1))
        return max(0, floor(self.active * (300 + deviation)))

    def _observation(self, load, failed, down):
        signals = (load / 1e5, failed / (load + 1e-5), float(down), self.active / 833)
        pairs = [(alpha, signal) for alpha in ALPHAS for signal in signals]
        self.averages = [
            average + alpha * (signal - average)
            for average, (alpha, signal) in zip(self.averages, pairs, strict=True)
        ]
        return self.averages + [machines / 10 for machines in self.queue]


@pytest.mark.kernels
@pytest.mark.parametrize("flaws", [(), ("fleet_wide_noise",)])
def test_every_minute_is_that_of_the_readable_sample(flaws):
    minutes = 2000 if COMPILED else 150
    env, plain = AutoScalingEnv(profile="sample", flaws=flaws), PlainSample(bool(flaws))
    env.reset(seed=0)
    rng, change, down = np.random.default_rng(0), 0, 0
    for minute in range(minutes):
        if minute % 7 == 0:
            change = int(rng.integers(-10, 11))
        clock = int(env.simulation.clocks[0]) + env.simulation.minute
        observation, reward, *_, info = env.step(change + 10)
        expected, expected_reward = plain.step(change, info["load"], clock)
        np.testing.assert_allclose(observation, expected, rtol=0, atol=1e-6)
        assert reward == pytest.approx(expected_reward, abs=1e-4)
        down += reward < -100
    assert info["down_minutes"] == down > 0


def test_an_episode_has_the_samples_length_and_actions():
    env = AutoScalingEnv(profile="sample")
    env.reset(seed=0)
    assert env.action_space.n == 21
    assert env.observation_space.shape == (25,)
    ends = [env.step(10)[3] for _ in range(10_001)]
    assert ends.index(True) == 10_000


def test_averages_are_cleared_between_episodes():
    env = AutoScalingEnv(profile="sample")
    first, info = env.reset(seed=0)
    assert info["in_service"] == 50
    assert not first.any()
    for _ in range(30):
        seen, *_ = env.step(13)
    assert seen[:4] == pytest.approx([seen[0], 0, 0, seen[3]])
    assert seen[20:] == pytest.approx([0.3] * 5)
    again, _ = env.reset(seed=0)
    assert not again.any()
    one, _ = env.step(10)[:2]
    fresh = AutoScalingEnv(profile="sample")
    fresh.reset(seed=0)
    np.testing.assert_array_equal(one, fresh.step(10)[0])


def sample(count, **settings):
    made = Simulation(count, AutoScalingSettings.of(profile="sample", **settings), None)
    made.reset(range(count), [np.random.default_rng(seed) for seed in range(count)])
    return made


def test_the_flaw_of_the_weekly_cycle_can_be_switched_on():
    mended, flawed = sample(4), sample(4, flaws=("no_weekly_cycle",))
    ratio = mended.load[:, :4] / np.maximum(flawed.load[:, :4], 1)
    begin = mended.minute_of_week - mended.lead % WEEK
    for fleet in range(4):
        days = (begin[fleet] + np.arange(mended.rows)) % WEEK // DAY
        np.testing.assert_allclose(ratio[days < 5, fleet], 1, atol=2e-3)
        assert np.median(ratio[days >= 5, fleet]) == pytest.approx(0.8, abs=1e-3)  # but spikes


@pytest.mark.kernels
def test_the_flaw_of_minutes_without_load_can_be_switched_on():
    for flaws, expected in (((), -2.5), (("zero_load_is_down",), -202.5)):
        sim = sample(1, flaws=flaws)
        sim.load[sim.minute, 0] = 0.0
        sim.step(np.array([10]))
        assert sim.rewards == pytest.approx([expected])
        assert sim.observations[2, 0] == bool(flaws)


@pytest.mark.parametrize(("utilisation", "share"), [(1.0, 0.48), (0.8, 0.021), (0.7, 0.0012)])
def test_the_flaw_of_fleet_wide_noise_can_be_switched_on(utilisation, share):
    """Shares of down minutes as they were measured on the original."""
    flawed, mended = sample(100, flaws=("fleet_wide_noise",)), sample(100)
    for sim in (flawed, mended):
        sim.load[:] = utilisation * 50 * 300
        for _ in range(600):
            sim.step(np.full(100, 10))
    samples = 60_000
    error = 4 * sqrt(share * (1 - share) / samples)
    assert flawed.totals[:, 3].sum() / samples == pytest.approx(share, abs=error + 0.05 * share)
    if utilisation < 1:
        assert mended.totals[:, 3].sum() == 0


def track(utilisation, window=1):
    """Return a policy: machines for the largest of the last loads at a utilisation."""
    needs = []

    def wanted(load, machines):
        needs.append(np.ceil(load / (300 * utilisation)).astype(np.int64))
        return machines + np.clip(np.max(needs[-window:], axis=0) - machines, -10, 10)

    return wanted


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (lambda load, machines: machines, 16_565),
        (lambda load, machines: np.full_like(machines, 40), 20_356),
        (track(0.5), 26_460),
        (track(0.55), 26_650),
        (track(0.65, 15), 27_403),
        (track(0.6, 15), 27_137),
        (track(0.65, 60), 27_147),
    ],
    ids=["nothing", "40", "50 %", "55 %", "65 % of 15", "60 % of 15", "65 % of 60"],
)
def test_policies_earn_what_they_earned_on_the_original(policy, expected):
    """Returns of 200 draws, standard error about 200; here 100 draws of our own, about 300.

    Plain tracking at 60 % and more is left out: it earns more here (27,400 against 24,521 at 60 %),
    since a machine on its way can be cancelled; the original queues machines for good.
    """
    count, episode = 100, 10_001
    sim = sample(count, actions="desired", flaws=SAMPLE_FLAWS)
    total = np.zeros(count)
    for _ in range(episode):
        load = sim.load[(sim.minute - 1) % sim.rows, :count]
        machines = sim.fleets[:, 0] + sim.fleets[:, 1]
        sim.step(policy(load, machines))
        total += sim.rewards
    assert sim.ended.all()
    assert total.mean() == pytest.approx(expected, abs=1000)
