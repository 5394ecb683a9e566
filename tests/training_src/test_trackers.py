"""Days of trackers that are simulated side by side cost what a bank charges minute by minute."""

import numpy as np
import pytest

from autoscaling_rl.controller.bank import LEAST_KNOWN
from autoscaling_rl.controller.fleet import BURN_IN, Fleet
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.series import LOOKBACK
from autoscaling_rl.controller.trackers import SIZE, Trackers, costs_of_days
from tests.training_src.banks import DAY, MIDNIGHT, busy_load, new

FLEETS = [
    {"waits": (0,)},
    {"waits": (1, 3, 5, 9, 200), "change_price": 3.0},
    {"waits": (5,), "minimum_billed_minutes": 300, "change_price": 200.0, "delay": 12},
    {"waits": (30,), "delay": 130, "least": 4, "most": 40},
]
EARLIEST = LOOKBACK + LEAST_KNOWN


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize("begun", [0, 700, DAY - 90, DAY - 30])
def test_days_cost_what_a_bank_charges(fleet, begun):
    load = busy_load(3 * DAY - begun, seed=begun)
    bank = new(MIDNIGHT + begun, chosen=BankSettings(price_factors=(0.25,)), **fleet)
    bank.advance(load)  # and the fourth day has begun
    bank.settle()
    midnight = bank.series.size
    midnights = midnight - DAY * np.arange(1, 4)
    known = midnights + DAY > EARLIEST
    costs = costs_of_days(bank.series.load, midnights[known], EARLIEST, bank.fleet)
    rivals = bank.scores.rivals
    charged = bank.scores.costs[1 : 1 + len(costs), rivals.start : rivals.stop]
    np.testing.assert_array_equal(costs[:, : len(rivals)], charged)
    assert (charged[0] > 0.0).all()


def test_fleets_of_many_days_are_those_of_each():
    loads, fleet = busy_load(90).reshape(3, 30), Fleet((2, 4), delay=1, most=300)
    many, ones = Trackers(days=3), [Trackers() for _ in loads]
    made, alone = np.empty((0, 3 * SIZE)), [np.empty((0, SIZE)) for _ in loads]
    for minute in range(30):
        made = np.vstack((made, many.after(loads[:, minute, None], made, fleet)))
        for day, one in enumerate(ones):
            alone[day] = np.vstack((alone[day], one.after(loads[day, minute], alone[day], fleet)))
    np.testing.assert_array_equal(made, np.hstack(alone))
    assert made.max() == 300


def test_no_day_costs_nothing():
    assert costs_of_days(np.zeros(9), np.array([], int), 0, Fleet()).shape == (0, SIZE)


def test_what_a_day_costs_hangs_on_no_load_before_its_fleets_begin():
    load, midnight = busy_load(2 * DAY), np.array([DAY])
    other = load.copy()
    other[: DAY - BURN_IN - 1] = 1e5
    kept, changed = (costs_of_days(each, midnight, 0, Fleet((7,))) for each in (load, other))
    np.testing.assert_array_equal(kept, changed)
    other[DAY - BURN_IN - 1] = 1e5
    assert (costs_of_days(other, midnight, 0, Fleet((7,))) != kept).any()
