"""What is derived from a load: the same however the load comes, and what the docstrings say."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller.series import (
    AHEAD,
    CORRECTION_LIMIT,
    DAY,
    GRID,
    LOOKBACK,
    TOTAL,
    Series,
)
from tests.training_src.banks import MIDNIGHT, busy_load
from tests.training_src.plain_series import PlainSeries

START = MIDNIGHT + 137
ARRAYS = (*Series._ARRAYS, "sums")


def follow(load, parts=(), *, warmup=5, room=DAY) -> Series:
    """Return a series that got `load` cut before each of `parts`."""
    series = Series(START, warmup, room)
    for part in np.split(load, sorted(parts)):
        if len(part):
            series.append(part)
    return series


def known(series, name):
    """Return an array as far as it is filled."""
    length = series.size + (AHEAD if name.startswith("profile") else 0)
    length += name in ("level", "shift", "forecast", "sums", "profile_total")
    return getattr(series, name)[..., :length]


def assert_same(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(known(one, name), known(other, name), err_msg=name)


@settings(max_examples=25)
@given(cuts=st.sets(st.integers(1, 3000), max_size=12), warmup=st.sampled_from((0, 1, 5, 30, 60)))
def test_a_load_in_parts_gives_the_same_bits_as_at_once(cuts, warmup):
    load = busy_load(3001, seed=warmup)
    assert_same(follow(load, warmup=warmup, room=4000), follow(load, cuts, warmup=warmup, room=1))


def test_a_load_minute_by_minute_gives_the_same_bits_as_at_once():
    load = np.round(busy_load(2000))  # whole machines: slopes often stay the same
    assert_same(follow(load), follow(load, range(2000), room=1))


def test_a_load_of_many_days_can_follow_a_single_minute():
    load = busy_load(12 * DAY)
    assert_same(follow(load), follow(load, (1, 2, 9 * DAY)))


def test_sums_are_exact():
    load = busy_load(3000, mean=3e5)
    series = follow(load)
    demand = (series.demand[: series.size] * GRID).astype(int).tolist()
    assert series.sums[TOTAL, series.size] * GRID == sum(demand)
    changes = sum(abs(after - before) for before, after in pairwise(demand))
    assert series.sums[1, series.size] * GRID == changes


def test_what_is_forgotten_does_not_change_what_follows():
    load = busy_load(20 * DAY)
    whole, short = follow(load[:-500]), follow(load[:-500])
    short.forget(2 * LOOKBACK)
    assert short.size == 2 * LOOKBACK
    for part in np.split(load[-500:], (1, 2, 130)):
        whole.append(part)
        short.append(part)
    assert short.origin + short.size == whole.origin + whole.size
    for name in ("demand", "level", "persistence", "missed", "profile", "shift", "forecast"):
        assert known(short, name)[-500:].tolist() == known(whole, name)[-500:].tolist(), name


@pytest.mark.parametrize("warmup", [0, 5, 60])
def test_arrays_are_what_their_docstrings_say(warmup):
    load = busy_load(9 * DAY, seed=warmup)
    series, plain = follow(load, warmup=warmup), PlainSeries(load, warmup)
    rng = np.random.default_rng(warmup)
    # From the first minutes, around the minute from which yesterday is known, and later.
    minutes = [100, DAY + 66, DAY + 67, DAY + 68, *rng.integers(DAY + 200, 9 * DAY, 12).tolist()]
    for minute in minutes:
        place = LOOKBACK + minute
        persistence = plain.demand(minute) - plain.level(minute - warmup)
        shift = plain.shift(minute) if plain.season_known(minute) else 0.0
        found = {
            "level": (series.level[place], plain.level(minute)),
            "persistence": (series.persistence[place], persistence),
            "profile": (series.profile[place + 70], plain.profile(minute + 70)),
            "shift": (series.shift[place], shift),
            "forecast": (series.forecast[place], plain.forecast(minute)),
            "missed": (series.missed[place], plain.missed(minute)),
        }
        for name, (got, expected) in found.items():
            assert got == pytest.approx(expected, abs=2 / GRID), (name, minute)


def test_a_forecast_is_rescaled_by_at_most_four():
    load = np.concatenate((np.full(3 * DAY, 1.0), np.full(120, 1e4)))
    up, down = follow(load), follow(1e4 + 1 - load)
    assert up.shift[up.size] == CORRECTION_LIMIT
    assert down.shift[down.size] == -CORRECTION_LIMIT
    assert np.exp(CORRECTION_LIMIT) == pytest.approx(4)


def test_a_constant_load_is_forecast_exactly():
    series = follow(np.full(4 * DAY, 7.0))
    assert not series.missed[LOOKBACK + 10 : series.size].any()


def test_the_profile_of_a_load_that_repeats_itself_is_its_moving_mean():
    load = np.tile(busy_load(DAY), 4)
    series = follow(load)
    moving = np.convolve(np.log1p(load), np.full(15, 1 / 15), "valid")  # place 0 is minute 7
    profile = series.profile[LOOKBACK + 3 * DAY : LOOKBACK + 3 * DAY + 100]
    assert profile == pytest.approx(moving[2 * DAY - 7 : 2 * DAY + 93], abs=2 / GRID)


@pytest.mark.parametrize("warmup", [0, 5, 60])
def test_nothing_is_missed_before_anything_was_forecast(warmup):
    series = follow(np.full(200, 7.0), warmup=warmup)
    assert not series.missed[: series.size].any()


@pytest.mark.parametrize(
    "load", [np.zeros(300), np.full(300, 4.0), np.tile([0.0, 1e18], 150), np.full(300, 1e-300)]
)
def test_no_load_breaks_a_series(load):
    series = follow(np.concatenate((load, busy_load(300), load)), (100, 101))
    for name in ARRAYS:
        assert np.isfinite(known(series, name)).all(), name
