"""What charts are drawn by: series thinned, axes that show every value, numbers for readers."""

import math
from datetime import UTC, datetime

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.report.clock import time_ticks
from autoscaling_rl.report.scale import Scale, extremes, peaks, round_up
from autoscaling_rl.report.words import number, signed
from tests.training_src.examples import example

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

SERIES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60).map(np.array)


@given(values=SERIES, columns=st.integers(1, 70))
def test_thinned_series_keep_their_extremes_and_their_ends(values, columns):
    for thin in (peaks, extremes):
        minutes, shown = thin(values, columns)
        assert (minutes[0], minutes[-1]) == (0, len(values))
        assert (np.diff(minutes) >= 0).all()
        assert shown.max() == values.max()
        assert set(shown) <= set(values)
    assert shown.min() == values.min()


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9), st.booleans(), st.integers(1, 9))
@hypothesis.example([5e-324], True, 1)
@hypothesis.example([5e-324], False, 9)
def test_axes_show_every_value_and_their_ticks_lie_on_them(values, zero, count):
    scale = Scale.over(values, zero=zero)
    assert scale.low < scale.high
    assert all(-1e-9 <= scale.at(value) <= 1 + 1e-9 for value in values)
    ticks = scale.ticks(count)
    assert all(-1e-6 <= scale.at(tick) <= 1 + 1e-6 for tick in ticks)
    assert len(ticks) <= 2 * count + 2


@given(st.floats(1e-9, 1e12))
def test_rounding_up_never_falls_short(value):
    assert value * (1 - 1e-6) <= round_up(value) <= 1.5001 * value or round_up(value) <= 2 * value


def test_ticks_of_time_are_round_and_say_the_day_where_it_changes():
    recorded = example(3000, start=datetime(2024, 2, 28, 22, 30, tzinfo=UTC))
    assert time_ticks(recorded, 0, 600, 5) == [
        (90.0, "Thu 29 Feb, 00:00"),
        (210.0, "02:00"),
        (330.0, "04:00"),
        (450.0, "06:00"),
        (570.0, "08:00"),
    ]
    assert [text for _, text in time_ticks(recorded, 0, 2900, 3)] == ["Thu 29 Feb", "Fri 1 Mar"]
    generated = example(3000, minute_of_week=6 * 1440)
    assert [text for _, text in time_ticks(generated, 0, 3000, 3)] == ["Sun", "Mon", "Tue"]
    assert [text for _, text in time_ticks(example(3000), 0, 3000, 3)] == [
        "day 1",
        "day 2",
        "day 3",
    ]
    assert len(time_ticks(example(60), 0, 10**7, 8)) <= 9


def test_numbers_are_written_for_readers():
    assert [number(value) for value in (1234567.8, -0.4, -3.0, None, math.nan, math.inf)] == [
        "1\u202f234\u202f568",
        "0",
        f"{MINUS}3",
        DASH,
        DASH,
        DASH,
    ]
    assert [signed(value) for value in (0.021, 0.0001, -0.0001, -0.5, None)] == [
        "+2.1\xa0%",
        "0.0\xa0%",
        "0.0\xa0%",
        f"{MINUS}50.0\xa0%",
        DASH,
    ]
