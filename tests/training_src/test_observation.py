"""The observation: from the past alone, free of scale, and the same however it is computed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.environments import dynamics, windows
from autoscaling_rl.environments.batch import batch_observations
from autoscaling_rl.environments.observe import write_observations
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Simulation
from tests.training_src.environments import COMPILED

ROWS = obs.HISTORY + 61
PLACE = {name: place for place, name in enumerate(obs.NAMES)}


def simulation(seed=0, count=2, **keywords):
    made = Simulation(count, AutoScalingSettings.of(**keywords), None)
    made.reset(range(count), [np.random.default_rng(seed + index) for index in range(count)])
    return made


def ring_of(series, begin):
    """Return a ring that holds the last rows of `series`, whose first minute is `begin`."""
    ring = np.zeros((ROWS, series.shape[1]), np.float32)
    ring[(begin + np.arange(len(series))) % ROWS] = series
    return ring


@pytest.mark.kernels
@pytest.mark.parametrize("begin", [0, 7, 5 * ROWS - 90, 123_456])
@pytest.mark.parametrize("warmup", [0, 5, 60])
def test_carried_window_statistics_are_the_direct_ones(begin, warmup):
    """Minute by minute, across the ring's end, and while one fleet's load is another at once."""
    minutes = 800 if COMPILED else 130
    rng = np.random.default_rng(begin)
    series = rng.gamma(2.0, 1.0, (ROWS + minutes, 3)).astype(np.float32)
    now, both = ROWS, np.arange(3)
    ring = ring_of(series[:now], begin)
    figures = obs.window_statistics(series, now, 0, warmup)
    blocks = np.zeros((windows.BLOCKS, 3), np.float32)
    windows.start_blocks(blocks, ring, both, begin + now, warmup)
    for now in range(ROWS, ROWS + minutes - 1):
        ring[(begin + now) % ROWS] = series[now]
        windows.advance(figures, blocks, ring, begin + now, warmup)
        if now % 77 == 0:
            series[: now + 1, 1] = rng.gamma(2.0, 1.0, now + 1)
            ring = ring_of(series[: now + 1], begin)
            figures[:, 1] = obs.window_statistics(series, now + 1, 0, warmup)[:, 1]
            windows.start_blocks(blocks, ring, np.array([1]), begin + now + 1, warmup)
        expected = obs.window_statistics(series, now + 1, 0, warmup)
        np.testing.assert_allclose(figures, expected, rtol=1e-9, atol=1e-5)


@pytest.mark.skipif(not COMPILED, reason="many weeks take long in plain Python")
def test_carried_sums_do_not_drift():
    sim = simulation(mean_machines=1000.0)
    stop = np.array([3, 3])
    for _ in range(100_000):
        sim.step(stop)
    minutes = np.arange(sim.minute - ROWS, sim.minute) % sim.rows
    values = sim.demand[minutes]
    expected = obs.window_statistics(values, ROWS, 0, sim.settings.warmup_minutes)
    np.testing.assert_allclose(sim.figures[:, :2], expected, rtol=0, atol=1e-6)


@pytest.mark.kernels
@pytest.mark.parametrize("known", [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
def test_the_compiled_observation_is_the_one_that_the_artifact_ships(known):
    rng, warmup, count = np.random.default_rng(0), 7, 5
    values = rng.gamma(2.0, 1.0, (obs.HISTORY + 20, count)).astype(np.float32)
    now = obs.HISTORY + 3
    fleets = rng.random((4, count)).astype(np.float32)
    outs = []
    for write in (write_observations, obs.write_observations):
        out = np.full((obs.SIZE, count), np.nan, np.float32)
        figures = obs.window_statistics(values, now, 0, warmup)
        rows, minutes = now + obs.observation_offsets(warmup), np.arange(count) * 1999
        write(out, values, rows, minutes, fleets, figures, *known, 0.5, warmup, obs.calendar())
        outs.append(out)
    np.testing.assert_allclose(*outs, rtol=0, atol=2e-6)


@pytest.mark.kernels
def test_observations_made_at_once_are_those_made_one_by_one():
    sim = simulation(count=1, warmup_minutes=9, failure_price=3.0, metric_delay_minutes=4)
    minutes = 300 if COMPILED else 80
    first, load = sim.minute, sim.load[:, 0].astype(np.float64)
    expected = batch_observations(
        load,
        first - 4,
        first - 4 + minutes,
        capacity=sim.settings.capacity,
        minute_of_week=int(sim.minute_of_week[0]),
        failure_price=3.0,
        warmup=9,
    )
    for minute in range(minutes - 1):
        sim.step(np.array([minute % 7]))
        fleet, clock = sim.fleets[0], int(sim.clocks[0]) + sim.minute
        serving, coming = int(fleet[dynamics.IN_SERVICE]), int(fleet[dynamics.ON_THEIR_WAY])
        column = expected[:, minute + 1]
        soon = dynamics.due_within(fleet, clock, 4)
        obs.set_fleet(column, serving, coming, soon, float(sim.fleet_logs[3, 0]))
        np.testing.assert_allclose(sim.observations[:, 0], column, rtol=0, atol=1e-5)


@settings(max_examples=25)
@given(
    cut=st.integers(0, 80),
    delay=st.sampled_from((0, 1, 9)),
    warmup=st.sampled_from((0, 5, 60)),
    seed=st.integers(0, 1000),
)
def test_what_is_seen_depends_on_the_past_alone(cut, delay, warmup, seed):
    keywords = {"metric_delay_minutes": delay, "warmup_minutes": warmup, "episode_minutes": 200}
    one, other = simulation(seed, **keywords), simulation(seed, **keywords)
    future = slice(other.minute + cut, None)
    other.load[future] = np.random.default_rng(seed).gamma(2.0, 2000.0, other.load[future].shape)
    other.demand[future] = obs.demand(other.load[future], other.settings.capacity)
    rng = np.random.default_rng(seed)
    for minute in range(cut + 70):
        same = (one.observations[:, :2] == other.observations[:, :2]).all()
        assert same or minute > cut
        actions = rng.integers(0, 7, 2)
        one.step(actions)
        other.step(actions)
    assert not same  # the change was there to be seen


@given(
    st.lists(st.floats(0, 1e9), min_size=70, max_size=100),
    st.sampled_from((0.25, 4.0, 1024.0)),
    st.integers(0, 60),
)
def test_load_and_capacity_can_be_in_any_unit(load, unit, warmup):
    load = np.array(load)
    arguments = {"minute_of_week": 5, "failure_price": 20.0, "warmup": warmup}
    one = batch_observations(load, 65, len(load), capacity=300.0, **arguments)
    other = batch_observations(load * unit, 65, len(load), capacity=300.0 * unit, **arguments)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    assert np.isfinite(one).all()


def observe_at(load, now, warmup=5):
    """Return the numbers by name for deciding minute `now` of `load`, in machines."""
    row = batch_observations(
        load,
        now,
        now + 1,
        capacity=1.0,
        minute_of_week=now % obs.WEEK,
        failure_price=20.0,
        warmup=warmup,
    )[:, 0]
    return dict(zip(obs.NAMES, row, strict=True))


def test_forecasts_of_a_load_that_repeats_itself_come_true():
    rng = np.random.default_rng(0)
    week = rng.gamma(9.0, 3.0, obs.WEEK)
    load = np.tile(week, 3)
    now, warmup = 2 * obs.WEEK + 1234, 8
    seen = observe_at(load, now, warmup)
    ahead = np.log1p(load[now : now + warmup + 1])
    assert seen["week_correction"] == pytest.approx(0, abs=1e-6)
    assert seen["demand_level"] + seen["week_mean"] == pytest.approx(ahead.mean(), abs=1e-5)
    assert seen["demand_level"] + seen["week_peak"] == pytest.approx(ahead.max(), abs=1e-5)
    assert seen["forecast_mean"] == pytest.approx((seen["day_mean"] + seen["week_mean"]) / 2)


def test_forecasts_follow_the_level_up_to_a_factor_of_four():
    day = 1e6 * (2 + np.sin(2 * np.pi * np.arange(obs.DAY) / obs.DAY))
    load = np.tile(day, 9)
    for factor, expected in ((2.0, 2.0), (40.0, 4.0), (0.01, 0.25)):
        now = 8 * obs.DAY + 700
        shifted = np.concatenate((load[: now - 60], factor * load[now - 60 : now + 20]))
        seen = observe_at(shifted, now)
        assert seen["day_correction"] == pytest.approx(np.log(expected), abs=1e-4)
        assert seen["week_correction"] == pytest.approx(np.log(expected), abs=1e-4)
        forecast = np.exp(seen["demand_level"] + seen["day_mean"])
        assert forecast == pytest.approx(expected * load[now : now + 6].mean(), rel=1e-3)


def test_seasons_that_are_not_known_are_zeros_and_say_so():
    load = np.random.default_rng(0).gamma(9.0, 3.0, 9 * obs.DAY)
    seasons = obs.NAMES[PLACE["day_known"] : PLACE["sin_day"]]
    early = observe_at(load, obs.DAY + 59)
    assert [early[name] for name in seasons] == [0.0] * 10
    middle = observe_at(load, obs.DAY + 60)
    assert (middle["day_known"], middle["week_known"]) == (1.0, 0.0)
    assert middle["forecast_peak"] == middle["day_peak"] != 0.0
    late = observe_at(load, obs.HISTORY)
    assert (late["day_known"], late["week_known"]) == (1.0, 1.0)
    assert late["forecast_peak"] == pytest.approx((late["day_peak"] + late["week_peak"]) / 2)


def test_the_last_hour_is_described_as_named():
    load = np.full(100, 7.0)
    load[70] = 15.0  # 30 minutes before the decision
    seen = observe_at(load, 100, warmup=2)
    level, step = np.log(8), np.log(2)
    assert seen["demand_level"] == pytest.approx(level)
    assert seen["lag_31"] == seen["lag_1"] == pytest.approx(0, abs=1e-6)
    assert seen["mean_60"] == pytest.approx(step / 60, abs=1e-6)
    assert seen["mean_15"] == seen["peak_5"] == pytest.approx(0, abs=1e-6)
    assert seen["peak_60"] == seen["steepest_rise"] == pytest.approx(step, abs=1e-6)
    assert seen["roughness"] == pytest.approx(2 * step / 59, abs=1e-6)


def test_the_calendar_begins_on_monday():
    table = obs.calendar()
    assert table.shape == (obs.WEEK, 4)
    np.testing.assert_allclose(table[0], [0, 1, 0, 1], atol=1e-7)
    np.testing.assert_allclose(table[360, :2], [1, 0], atol=1e-6)  # six o'clock
    np.testing.assert_allclose(table[obs.WEEK // 2, 2:], [0, -1], atol=1e-6)  # Thursday noon
    np.testing.assert_allclose((table**2).sum(axis=1), 2, atol=1e-6)


@pytest.mark.kernels
def test_after_sunday_comes_monday():
    sim = simulation()
    sim.minute_of_week[:2] = obs.WEEK - 2, obs.DAY - 2
    for minutes in ((obs.WEEK - 1, obs.DAY - 1), (0, obs.DAY), (1, obs.DAY + 1)):
        sim.step(np.array([3, 3]))
        clock = sim.observations[PLACE["sin_day"] : PLACE["price"], :2]
        np.testing.assert_array_equal(clock.T, obs.calendar()[list(minutes)])
