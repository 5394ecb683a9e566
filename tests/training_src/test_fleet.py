"""Costs of simulated fleets: waits that scatter, and what serves."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoscaling_rl.controller.fleet import (
    LONGEST_WAIT,
    Fleet,
    charge,
    failed,
    in_service,
    likely_waits,
    still_owed,
)
from tests.training_src.plain_dynamics import paid

WAITS = st.lists(st.integers(0, 9), min_size=1, max_size=5).map(sorted).map(tuple)
FLEETS = st.lists(st.lists(st.integers(0, 20), min_size=2, max_size=2), min_size=1, max_size=30)


def test_without_a_distribution_every_launch_takes_as_long():
    assert likely_waits((7.0,)) == (7,) * 5
    assert likely_waits((0.0,)) == (0,) * 5


def test_a_distribution_is_told_by_five_equally_likely_waits():
    assert likely_waits((1.0, 30.0, 30.0)) == (1, 1, 30, 30, 30)
    assert likely_waits(tuple(map(float, range(1, 101)))) == (10, 30, 50, 70, 90)
    assert likely_waits((0.4, 4.2, 4.9)) == (1, 1, 5, 5, 5)  # from the next full minute on


def test_a_failed_launch_is_waited_for_again():
    # Attempts until one of two succeeds: 1 in half of the cases, 2 in a quarter, ...
    assert likely_waits((10.0,), 0.5) == (10, 10, 10, 20, 40)
    assert likely_waits((60.0,), 0.9)[-1] == LONGEST_WAIT
    # A launch that takes no time is noticed as failed a minute later.
    assert likely_waits((0.0,), 0.5) == (1, 1, 1, 2, 4)


@given(st.floats(0.01, 0.9), st.integers(1, 5), st.integers(0, 10_000))
def test_waits_with_failures_are_quantiles_of_draws(rate, boot, seed):
    draws = boot * np.random.default_rng(seed).geometric(1 - rate, 4000)
    for share, wait in zip(
        (0.1, 0.3, 0.5, 0.7, 0.9), likely_waits((float(boot),), rate), strict=True
    ):
        low, high = np.quantile(draws, [share - 0.05, share + 0.05], method="nearest")
        assert low <= wait <= high


@given(FLEETS, WAITS, st.data())
def test_what_serves_is_the_least_of_the_last_minutes_on_average_over_waits(rows, waits, data):
    machines = np.array(rows, float)
    count = data.draw(st.integers(1, len(machines)))
    found = in_service(machines, count, Fleet(waits))
    for place in range(len(machines) - count, len(machines)):
        each = [machines[max(0, place - wait) : place + 1].min(axis=0) for wait in waits]
        expected = np.mean(each, axis=0)
        assert found[place - len(machines) + count] == pytest.approx(expected)


@given(FLEETS, WAITS)
def test_costs_are_machines_and_the_price_of_what_fails(rows, waits):
    machines, load = np.array(rows, float), np.linspace(0.0, 15.0, len(rows))
    fleet = Fleet(waits, price=7.0, change_price=2.0)
    changed = np.abs(np.diff(machines, axis=0, prepend=machines[:1]))
    before = np.concatenate((np.zeros_like(changed[:1]), changed[:-1]))
    # A change at the price of two is paid in two minutes.
    expected = machines + 7.0 * failed(fleet, machines, load) + changed + before
    assert charge(fleet, machines, load) == pytest.approx(expected, abs=1e-3)


def serving(counts, waits):
    """Return the probabilities that 0, 1, ... of the machines serve in the last minute.

    The k-th machine has been there since the fleet last had fewer than k; how long each machine
    waits is drawn on its own.
    """
    chances = np.ones(1)
    for machine in range(1, counts[-1] + 1):
        missing = next((ago for ago, there in enumerate(counts[::-1]) if there < machine), 99)
        ready = np.mean([wait < missing for wait in waits])
        chances = np.convolve(chances, [1 - ready, ready])
    return chances


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), WAITS, st.floats(0.0, 40.0))
@example(counts=[0, 1], waits=(0, 1, 1, 1, 1), load=0.0)
@example(counts=[0, 1], waits=(0, 0, 0, 0, 1), load=1.0)
def test_what_fails_is_expected_over_machines_that_wait_each_on_its_own(counts, waits, load):
    fleet, machines = Fleet(waits), np.array(counts, float)[:, None]
    found = failed(fleet, machines, np.array([load]))[0, 0]
    chances = serving(counts, waits)
    number = np.arange(len(chances))
    mean = chances @ number
    deviation = np.sqrt(max(chances @ (number - mean) ** 2, 0.0))
    expected = chances @ np.maximum(load - number, 0.0)
    # A triangle stands for the distribution. Where it does worst, for one machine that serves with
    # a probability of 1/5 or 4/5, it is 0.206 deviations off.
    worst = 0.21 if np.count_nonzero(chances) == 2 else 0.15
    assert found == pytest.approx(expected, abs=worst * deviation + 1e-6)
    assert found >= max(load - mean, 0.0) - 1e-9


def test_headroom_pays_where_few_machines_wait_for_different_times():
    fleet, load = Fleet((3, 3, 23, 23, 23)), np.full(1, 4.0)
    asked = np.concatenate((np.zeros((1, 3)), np.full((5, 3), (10.0, 14.0, 18.0))))
    few, more, most = failed(fleet, asked, load)[0]
    # On average all of them have enough machines in service, or nearly so.
    assert few > 0.5 > more > 0.1 > most


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=40),
    st.integers(0, 50),
    st.floats(0.0, 50.0),
    st.integers(0, 30),
)
def test_billing_and_changes_are_paid_minute_by_minute(counts, minimum, price, minutes):
    machines = np.array(counts, float)[:, None]
    fleet = Fleet(price=0.0, change_price=price, minimum_billed_minutes=minimum)
    prices = {"change_price": price, "minimum_billed_minutes": minimum}
    expected = paid(counts, np.zeros(len(counts)), **prices)
    charged = charge(fleet, machines, np.zeros(len(counts)))[:, 0]
    assert charged == pytest.approx(expected[: len(counts)], abs=0.01)
    owed = expected[len(counts) + minutes :].sum()
    assert still_owed(fleet, machines, minutes) == pytest.approx(owed, abs=0.1)
    for place in range(1, len(counts) + 1):  # minute by minute, as at once
        newest = charge(fleet, machines[:place][-fleet.rows :], np.zeros(1))
        assert newest[0] == pytest.approx(charged[place - 1], abs=0.01)


def test_the_horizon_is_that_of_what_is_known():
    assert Fleet((5,)).horizon == 5
    assert Fleet((5,), delay=15).horizon == 20
    assert Fleet((1, 1, 30, 30, 30), delay=2).horizon == 32
    assert Fleet((60,), delay=60).horizon == 60
