"""Peaks of sliding windows and of past days: a minute or many, what is written plainly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.peaks import coming_peaks, nested_peaks, past_days, sliding_peak
from autoscaling_rl.controller.series import DAY, Series
from tests.training_src.banks import START, busy_load

WEEK = tuple(range(1, 8))


def some_values(count):
    return np.random.default_rng(count).normal(size=count)


@settings(max_examples=20)
@given(st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_the_sliding_peak_is_the_largest_of_the_values_before(width, count, low):
    values = some_values(width + count)
    pick = min if low else max
    expected = [pick(values[place : place + width]) for place in range(count)]
    assert sliding_peak(values, width, width + count, width, low=low).tolist() == expected


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_nested_peaks_are_sliding_ones(count, narrow, more, low):
    widths = (narrow, narrow + more)
    values = some_values(widths[1] + count)
    span = (widths[1], widths[1] + count)
    found = nested_peaks(values, *span, widths, low=low)
    expected = [sliding_peak(values, *span, width, low=low) for width in widths]
    assert found.tolist() == np.array(expected).tolist()


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_coming_peaks_are_the_largest_of_the_values_from_now_on(count, narrow, more):
    widths = (narrow, narrow + more)
    values = some_values(widths[1] + count)
    expected = [[max(values[now : now + width]) for now in range(count)] for width in widths]
    assert coming_peaks(values, 0, count, widths).tolist() == expected


@pytest.mark.parametrize("warmup", [0, 5, 60])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_features_of_known_days_are_those_that_look_themselves(warmup, count):
    series = Series(START, warmup, 9 * DAY)
    series.append(busy_load(9 * DAY))
    span = (series.size + 1 - count, series.size + 1)
    week = past_days(series, *span, WEEK)
    assert features(series, *span, week=week).tolist() == features(series, *span).tolist()


def test_an_hour_is_compared_with_the_same_hour_of_each_day_within_limits():
    load = np.full(8 * DAY, 10.0)
    load[-DAY:] = 20.0
    load[-2 * DAY - 60 : -2 * DAY] = 1e6
    series = Series(START, 5, len(load))
    series.append(load)
    _, shifts = past_days(series, series.size, series.size + 1, (1, 2, 3))
    grid = 2.0**-16
    assert shifts[:, 0] == pytest.approx([np.log(21 / 11), -np.log(4), np.log(21 / 11)], abs=grid)
