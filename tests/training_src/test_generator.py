"""Generated load has the rhythms it claims, and the sample's generator its statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.load.generator import LoadRanges, generate_load, generate_sample_load

DAY, WEEK = 1440, 10080
MEAN = 5000.0
CALM = {
    "drift": (0.0, 0.0),
    "noise": (1e-6, 1e-6),
    "jobs_per_day": (0, 0),
    "spikes_per_day": (0.0, 0.0),
}


def loads(count, minutes=4 * WEEK, mean=MEAN, **ranges):
    chosen = LoadRanges(**ranges)
    rngs = [np.random.default_rng(seed) for seed in range(count)]
    return np.array([generate_load(rng, minutes, 0, mean, chosen) for rng in rngs])


def correlation(series, lag):
    """Return the mean autocorrelation of the hourly means of many series at a lag in days."""
    hours = series[:, : series.shape[1] // 60 * 60].reshape(len(series), -1, 60).mean(axis=2)
    hours = (hours - hours.mean(axis=1, keepdims=True)) / hours.std(axis=1, keepdims=True)
    shift = int(24 * lag)
    return (hours[:, :-shift] * hours[:, shift:]).mean()


def test_it_varies_by_day_and_by_week():
    series = loads(40)
    by_lag = {lag: correlation(series, lag) for lag in (0.5, 1, 1.5, 3, 6, 7, 8)}
    assert by_lag[1] > 0.7 > 0 > max(by_lag[0.5], by_lag[1.5])
    assert by_lag[7] > 0.85
    assert by_lag[7] > max(by_lag[3], by_lag[6], by_lag[8]) + 0.05


def test_without_weekends_no_week_is_seen():
    """So the weekly correlation above is the week's doing, not that of the day's."""
    series = loads(40, **CALM, weekend=(1.0, 1.0))
    assert correlation(series, 7) == pytest.approx(correlation(series, 6), abs=0.02)


def test_weekends_fall_on_the_days_five_and_six():
    series = loads(1, **CALM, weekend=(0.5, 0.5), daily=(0.0, 0.0), second=(0.0, 0.0))[0]
    days = series[:WEEK].reshape(7, DAY).mean(axis=1) / series[:WEEK].max()
    assert days[:5] == pytest.approx(np.ones(5), abs=0.05)
    assert days[5] == pytest.approx(0.525, abs=0.06)
    assert days[6] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("begin", [1, 2 * DAY + 77, WEEK - 1])
def test_a_series_that_begins_within_the_week_is_the_rest_of_it(begin):
    def series(minutes, minute_of_week):
        rng = np.random.default_rng(4)
        return generate_load(rng, minutes, minute_of_week, 1e7, LoadRanges(**CALM))

    whole, rest = series(2 * WEEK, 0)[begin:], series(2 * WEEK - begin, begin)
    np.testing.assert_allclose(whole / whole.mean(), rest / rest.mean(), rtol=5e-3)


def test_the_mean_is_the_one_asked_for():
    series = loads(20)
    assert series.mean(axis=1) == pytest.approx(MEAN, rel=2e-3)
    assert 1.5 < np.median(series.max(axis=1)) / MEAN < 4


def test_the_level_wanders():
    quiet, moving = (loads(30, **(CALM | {"drift": (each, each)})) for each in (0.0, 0.15))
    weeks = moving.reshape(30, 4, WEEK).mean(axis=2) / MEAN
    assert 0.02 < weeks.std() < 0.15
    assert quiet.reshape(30, 4, WEEK).mean(axis=2).std() / MEAN < 1e-3


def test_spikes_come_as_often_and_as_high_as_asked_for():
    spikes = CALM | {"spikes_per_day": (2.0, 2.0), "spike_height": (0.3, 0.3)}
    series = loads(30, mean=1e7, **spikes, spike_decay=(5.0, 5.0), weekend=(1.0, 1.0))
    rises = np.diff(series, axis=1) / series.mean(axis=1, keepdims=True)
    sudden = rises > 0.2
    assert sudden.sum() / (30 * 28) == pytest.approx(2.0, rel=0.1)
    assert rises[sudden].mean() == pytest.approx(0.3, rel=0.05)
    calm = loads(3, mean=1e7, **CALM, weekend=(1.0, 1.0))
    assert not (np.diff(calm, axis=1) > 2e6).any()  # 0.2 of the mean


def test_jobs_start_at_the_same_minute_every_day():
    jobs = CALM | {"jobs_per_day": (1, 1), "job_height": (0.3, 0.3), "daily": (0.0, 0.0)}
    series = loads(10, WEEK, **jobs, second=(0.0, 0.0), weekend=(1.0, 1.0))
    days = series[:, : 5 * DAY].reshape(10, 5, DAY) / np.median(series, axis=1)[:, None, None]
    high = days > 1.15
    assert (10 <= high.sum(axis=2)).all()
    assert (high.sum(axis=2) <= 41).all()
    assert (high == high[:, :1]).all()


def test_noise_is_counting_noise_and_a_share_of_the_load():
    flat = {"daily": (0.0, 0.0), "second": (0.0, 0.0), "weekend": (1.0, 1.0)}
    for mean, share in ((100.0, 1e-6), (1e6, 0.05)):
        ranges = CALM | flat | {"noise": (share, share)}
        series = loads(5, DAY, mean, **ranges)
        assert series.std() == pytest.approx(np.sqrt(mean + (share * mean) ** 2), rel=0.06)


@given(
    seed=st.integers(0, 2**32),
    minutes=st.integers(1, 2 * DAY),
    minute_of_week=st.integers(0, WEEK - 1),
    mean=st.floats(0, 1e7),
)
def test_it_is_counts_that_a_seed_fixes(seed, minutes, minute_of_week, mean):
    one, again = (
        generate_load(np.random.default_rng(seed), minutes, minute_of_week, mean) for _ in range(2)
    )
    np.testing.assert_array_equal(one, again)
    assert one.shape == (minutes,)
    assert one.dtype == np.float32
    assert (one >= 0).all()
    assert (one == np.rint(one)).all()


@pytest.mark.kernels
def test_another_seed_gives_another_load():
    one, other = loads(2, DAY)
    assert np.abs(one - other).mean() > 100


def test_the_samples_load_has_the_statistics_that_were_measured():
    """Mean 4,700 and a largest minute of about 10,300; see the profile `sample`."""
    rngs = [np.random.default_rng(seed) for seed in range(300)]
    series = np.array([generate_sample_load(rng, 10_001, 0, weekly=False) for rng in rngs])
    assert series.mean() == pytest.approx(4700, rel=0.03)
    assert np.median(series.max(axis=1)) == pytest.approx(10_300, rel=0.1)
    assert series.max() < 13_000
    assert series.min() >= 0
    assert (series == np.floor(series)).all()


def test_the_samples_weeks_can_be_switched_on():
    series = {
        weekly: np.array(
            [
                generate_sample_load(np.random.default_rng(seed), 4 * WEEK, 0, weekly=weekly)
                for seed in range(40)
            ]
        )
        for weekly in (False, True)
    }
    original, mended = series[False], series[True]
    assert correlation(original, 7) < correlation(original, 8) + 0.01  # as in the original
    assert correlation(mended, 7) > correlation(mended, 8) + 0.01
    assert correlation(mended, 7) > correlation(mended, 6) + 0.01
    days = (mended / np.maximum(original, 1)).reshape(40, 4, 7, DAY).mean(axis=(0, 1, 3))
    assert days == pytest.approx([1, 1, 1, 1, 1, 0.8, 0.8], abs=0.02)


class Middle:
    """Draws the middle of each range, but for the minutes until a spike."""

    def __init__(self, wait):
        self.wait = wait

    def uniform(self, low, high):
        return self.wait if (low, high) == (100, 1000) else (low + high) / 2

    def normal(self, mean, deviation, count):
        return np.full(count, mean)

    def lognormal(self, mean, sigma):
        return 15.0


def test_the_samples_spikes_start_at_once_and_fall_linearly():
    spiky, calm = (generate_sample_load(Middle(wait), 200, 0, weekly=False) for wait in (100, 999))
    height = 0.15 * 7500
    expected = np.zeros(200)
    expected[100:121] = height * (1 - np.arange(21) / 20)
    np.testing.assert_allclose(spiky - calm, expected, atol=1)


def test_a_seed_fixes_the_samples_load():
    one, again, other = (
        generate_sample_load(np.random.default_rng(seed), DAY, 100) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
