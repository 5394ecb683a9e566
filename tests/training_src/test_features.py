"""Features of a load: the same however it comes, never of the future, and what they claim to be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller.features import (
    LAGS,
    LEADS,
    LOWS,
    MEANS,
    MOTION,
    NAMES,
    PEAKS,
    QUANTILES,
    RESIDUALS,
    SIZE,
    features,
)
from autoscaling_rl.controller.series import DAY, GRID, LOOKBACK, WEEK, Series
from tests.training_src.banks import MIDNIGHT, busy_load
from tests.training_src.plain_series import PlainSeries

START = MIDNIGHT + 137
PLACES = {name: place for place, name in enumerate(NAMES)}
WARMUPS = (0, 1, 5, 30, 60)


def follow(load, warmup=5, *, start=START) -> Series:
    series = Series(start, warmup, len(load))
    series.append(load)
    return series


def last(load, warmup=5, *, count=1, start=START):
    """Return the features of the last decisions after `load`."""
    series = follow(load, warmup, start=start)
    return features(series, series.size + 1 - count, series.size + 1)


def by_name(rows):
    return dict(zip(NAMES, rows.tolist(), strict=True))


# Nine days before are enough for every feature; what comes then is cut in parts.
DAYS = busy_load(9 * DAY, seed=3)


@settings(max_examples=15)
@given(cuts=st.sets(st.integers(1, 399), max_size=40), warmup=st.sampled_from(WARMUPS))
def test_features_in_parts_are_the_bits_of_features_at_once(cuts, warmup):
    load = busy_load(400, seed=4)
    expected = last(np.concatenate((DAYS, load)), warmup, count=400)
    series, parts = follow(DAYS, warmup), []
    for part in np.split(load, sorted(cuts)):
        begin = series.size + 1
        series.append(part)
        parts.append(features(series, begin, series.size + 1))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)


def test_features_minute_by_minute_are_the_bits_of_features_at_once():
    load = np.round(busy_load(300, seed=5))
    expected = last(np.concatenate((DAYS, load)), count=300)
    series = follow(DAYS)
    for minute in range(300):
        series.append(load[minute : minute + 1])
        row = features(series, series.size, series.size + 1)
        np.testing.assert_array_equal(row[:, 0], expected[:, minute])


def test_features_that_were_asked_for_out_of_order_are_the_same():
    # The quantiles that a series keeps must be those of the minutes asked for.
    series, fresh = follow(DAYS), follow(DAYS)
    features(series, series.size, series.size + 1)
    earlier = features(series, series.size - 61, series.size - 60)
    np.testing.assert_array_equal(earlier, features(fresh, fresh.size - 61, fresh.size - 60))


@pytest.mark.parametrize("warmup", WARMUPS)
def test_features_do_not_depend_on_the_future(warmup):
    other = DAYS.copy()
    other[-200:] = busy_load(200, seed=9, mean=500)
    one, two = follow(DAYS, warmup), follow(other, warmup)
    span = one.size - 400, one.size - 199  # the last of these decides for the first change
    np.testing.assert_array_equal(features(one, *span), features(two, *span))


def test_features_see_the_last_minute_before_the_decision():
    other = DAYS.copy()
    other[-1] *= 1.5
    assert (last(DAYS)[PLACES["lag_1"]] != last(other)[PLACES["lag_1"]]).all()


@pytest.mark.parametrize("warmup", WARMUPS)
@pytest.mark.parametrize("late", [0, 1, 59])
def test_features_do_not_depend_on_load_older_than_the_look_back(warmup, late):
    load = busy_load(12 * DAY, seed=warmup)
    # Quantiles are renewed at full hours: an hour's last minute looks back furthest.
    start = START + late - (START + len(load)) % 60
    expected = last(load, warmup, start=start)
    older = load.copy()
    older[:-LOOKBACK] = busy_load(12 * DAY, seed=8, mean=300)[:-LOOKBACK]
    np.testing.assert_array_equal(last(older, warmup, start=start), expected)
    begins = start + len(load) - LOOKBACK  # as if nothing older had been known
    np.testing.assert_array_equal(last(load[-LOOKBACK:], warmup, start=begins), expected)


def oracle(plain, minute):
    """The documented features that are windows of the past, of the decision of `minute`."""
    demand, level, horizon = plain.demand, plain.level(minute), plain.warmup + 1

    def mean(values):
        return sum(values) / len(values)

    def past(width):
        return range(minute - width, minute)

    def step(each, lag=1):
        return demand(each) - demand(each - lag)

    return {
        "level": level,
        **{f"lag_{lag}": demand(minute - lag) - level for lag in LAGS},
        **{f"mean_{width}": mean([demand(m) for m in past(width)]) - level for width in MEANS},
        **{f"peak_{width}": max(demand(m) for m in past(width)) - level for width in PEAKS},
        **{f"low_{width}": min(demand(m) for m in past(width)) - level for width in LOWS},
        **{f"steps_{width}": mean([abs(step(m)) for m in past(width)]) for width in MOTION},
        **{
            f"bends_{width}": mean([abs(step(m) - step(m - 1)) for m in past(width)])
            for width in MOTION[:3]
        },
        **{
            f"moves_{width}": mean([abs(step(m, horizon)) for m in past(width)])
            for width in MOTION[2:]
        },
        **{
            f"rises_{width}": mean([max(step(m, horizon), 0) for m in past(width)])
            for width in MOTION[2:]
        },
        "warmup": plain.warmup / 10,
    }


def assert_near(found, expected):
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2 / GRID), name


@pytest.mark.parametrize("warmup", [0, 5, 30])
@pytest.mark.parametrize("minute", [2, 700, 8 * DAY + 1])
def test_windows_of_the_past_are_what_their_names_say(warmup, minute):
    plain = PlainSeries(DAYS[:minute], warmup)
    assert_near(by_name(last(DAYS[:minute], warmup)[:, 0]), oracle(plain, minute))


@pytest.mark.parametrize("warmup", [0, 5, 60])
@pytest.mark.parametrize("known", [DAY + 66, DAY + 67, 3 * DAY + 5, WEEK + 66, WEEK + 67, 9 * DAY])
def test_seasonal_features_say_what_past_days_say(warmup, known):
    load = DAYS[:known]
    plain, level = PlainSeries(load, warmup), PlainSeries(load, warmup).level(known)
    season, week = known >= DAY + 67, known >= WEEK + 67
    shift = plain.shift(known) if season else 0.0
    ahead = [plain.profile(known + lead) for lead in range(warmup + 61)]

    def corrected(value):
        return (value + shift - level) * season

    def repeated(ago, value, since):
        """What a period ago said, corrected by how the hour before differs."""
        if not since:
            return 0.0
        hour = range(known - 60, known)
        differs = sum(plain.demand(each) - plain.demand(each - ago) for each in hour) / 60
        return value + min(max(differs, -math.log(4)), math.log(4)) - level

    expected = {
        "season_known": float(season),
        "week_known": float(week),
        "correction": shift,
        **{f"profile_{lead}": corrected(ahead[warmup + lead]) for lead in LEADS},
        "profile_now": corrected(ahead[0]),
        "profile_peak": corrected(max(ahead[: warmup + 1])),
        "profile_peak_60": corrected(max(ahead)),
    }
    for ago, name, since in ((DAY, "yesterday", season), (WEEK, "last_week", week)):
        then = known - ago
        around = [plain.demand(then + warmup + each) for each in (-2, -1, 0, 1, 2)]
        until = [plain.demand(then + each) for each in range(warmup + 1)]
        expected[name] = repeated(ago, sum(around) / 5, since)
        expected[f"{name}_peak"] = repeated(ago, max(until), since)
    assert_near(by_name(last(load, warmup)[:, 0]), expected)


@pytest.mark.parametrize("late", [0, 1, 9, 31, 59])
@pytest.mark.parametrize("warmup", [1, 30])
def test_quantiles_of_residuals_are_renewed_at_fixed_minutes_of_the_clock(late, warmup):
    start = START + late - (START + len(DAYS)) % 60
    series = follow(DAYS, warmup, start=start)
    found = by_name(features(series, series.size, series.size + 1)[:, 0])
    now = start + len(DAYS)
    for name, array, width, stride, every in RESIDUALS:
        end = series.size - now % every
        past = sorted(getattr(series, array)[end - width : end : stride].tolist())
        for quantile in QUANTILES:
            assert found[f"{name}_{quantile}"] == past[int(quantile * (len(past) - 1))]


def interpolated(interval, count=40, seed=0):
    """Return rates between the middles of intervals, as a coarse recording is read."""
    rates = np.random.default_rng(seed).uniform(10, 30, count)
    minutes = np.arange(interval * count) + 0.5
    return np.interp(minutes, (np.arange(count) + 0.5) * interval, rates)


def held(interval, count=40, seed=0):
    return np.repeat(np.random.default_rng(seed).uniform(10, 30, count), interval)


def bends(load, minute):
    """Whether the slope that leads to `minute` differs from the one before."""
    change = load[minute] - 2 * load[minute - 1] + load[minute - 2]
    return abs(change) > 1e-6 * load[minute - 2 : minute + 1].sum()


@pytest.mark.parametrize("record", [interpolated, held])
@pytest.mark.parametrize("interval", [5, 10, 30])
def test_coarse_recordings_are_recognised(record, interval):
    load = record(interval)
    knots = [m for m in range(2, len(load)) if bends(load, m) and not bends(load, m - 1)]
    assert set(np.diff(knots)) == {interval}
    for minute in range(len(load) - 3 * interval, len(load) - interval):
        found = by_name(last(load[:minute])[:, 0])
        assert found["knots_60"] == pytest.approx(1 / interval)
        newest = max(knot for knot in knots if knot < minute)
        assert found["interval"] * 60 == pytest.approx(min(minute - newest, interval))
        # Where ends of intervals fall between minutes, the first minute after one has no slope yet.
        unknown = record is interpolated and interval % 2 == 0 and minute - 1 == newest
        left = 0 if unknown else newest + interval - minute
        assert found["remaining"] * 10 == pytest.approx(left)


@pytest.mark.parametrize("record", [interpolated, held])
@pytest.mark.parametrize("interval", [5, 10, 30])
@pytest.mark.parametrize("warmup", [0, 3, 60])
def test_the_line_leads_to_the_load_that_comes(record, interval, warmup):
    load = record(interval)
    for minute in range(len(load) - 3 * interval, len(load) - interval):
        found = by_name(last(load[:minute], warmup)[:, 0])
        reached = minute - 1 + min(round(found["remaining"] * 10), warmup + 1)
        assert found["line"] + found["level"] == pytest.approx(math.log1p(load[reached]))


def test_a_fine_recording_has_no_line():
    found = by_name(last(DAYS)[:, 0])
    assert found["remaining"] == 0
    assert found["line"] + found["level"] == pytest.approx(math.log1p(DAYS[-1]))


def test_the_clock_is_that_of_the_minute_decided_for():
    monday = 4 * DAY  # 1970-01-05
    for minute in (0, 1, 61, DAY - 1, DAY, 5 * DAY + 90):
        found = by_name(last(DAYS[:500], start=monday + WEEK + minute - 500)[:, 0])
        for name, period in (("hour", 60), ("day", DAY), ("week", WEEK)):
            angle = 2 * np.pi * (minute % period) / period
            turns = found[f"sin_{name}"], found[f"cos_{name}"]
            assert turns == pytest.approx((math.sin(angle), math.cos(angle)))


def test_prices_come_last():
    series = follow(DAYS[:100])
    row = features(series, series.size, series.size + 1, price=80.0, change_price=3.0)[:, 0]
    assert row[-2:].tolist() == [np.log1p(3.0), np.log(4.0)]
    assert row[:-2].tolist() == features(series, series.size, series.size + 1)[:-2, 0].tolist()
    assert row[PLACES["fleet"]] == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda load, rng: load * 0,
        lambda load, rng: load * 0 + 3.25,
        lambda load, rng: load * 1e-300,
        lambda load, rng: load * (rng.random(len(load)) < 0.5),
        lambda load, rng: load * np.where(rng.random(len(load)) < 0.01, 1e6, 1.0),
        lambda load, rng: np.where(np.arange(len(load)) % 2, 1e18, 0.0),
        lambda load, rng: np.where(np.arange(len(load)) < 5000, load, 0.0),
    ],
    ids=["zeros", "constant", "tiny", "gaps", "explosions", "alternating", "vanishing"],
)
@pytest.mark.parametrize("warmup", [0, 60])
def test_damaged_loads_give_finite_features(damage, warmup):
    load = damage(DAYS, np.random.default_rng(0))
    rows = last(load, warmup, count=len(load))
    assert rows.shape == (SIZE, len(load))
    assert np.isfinite(rows).all()
