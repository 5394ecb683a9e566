"""The scores of a bank: each member's costs are those of a fleet stepped machine by machine."""

import numpy as np
import pytest

from autoscaling_rl.baselines.target_tracking import track
from autoscaling_rl.baselines.window import DESIRED, FAILED, RECORDS
from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.fleet import BURN_IN
from autoscaling_rl.controller.members import (
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    TRACKING_TARGETS,
    BankSettings,
    network_bands,
    whole_machines,
)
from autoscaling_rl.controller.series import DAY, LOOKBACK, Series
from autoscaling_rl.environments.dynamics import make_rules, new_fleet
from tests.training_src.banks import POLICY, START, advance, busy_load, cut, new
from tests.training_src.plain_dynamics import PlainFleet, paid


def prices(fleet):
    """Return what of a fleet's settings makes its costs."""
    names = ("price", "change_price", "minimum_billed_minutes")
    return {name: fleet[name] for name in names if name in fleet}


def plain_cost(wanted, keep, load, fleet, ended):
    """Return J of a member's fleet over the minutes of a day that are known, machine by machine.

    What is decided is in force after the delay of the metrics. Fleets begin before the day. When it
    has ended, what is still owed for machines that were gone when the fleets of the next day began
    is part of it.
    """
    delay = fleet.get("delay", 0)
    machines = PlainFleet.of(
        int(wanted[0]), make_rules(capacity=1.0, min_machines=0, warmups=fleet["warmup"])
    )
    counts, failed = [], []
    for minute, served in enumerate(load[delay:]):
        desired = int(min(max(len(machines.machines), wanted[minute]), keep[minute]))
        happened = machines.step(minute, desired, served)
        counts.append(happened.active + happened.pending)
        failed.append(happened.failed)
    total = paid(counts, failed, **prices(fleet))[BURN_IN - delay : len(counts)].sum()
    if ended:
        before = slice(0, len(counts) - BURN_IN)
        total += paid(counts[before], failed[before], **prices(fleet))[len(counts) :].sum()
    return total


FLEETS = [
    {"warmup": 0, "price": 20.0, "change_price": 0.0},
    {"warmup": 0, "price": 20.0, "change_price": 3.0},
    {"warmup": 5, "price": 7.0, "change_price": 2.0},
    {"warmup": 30, "price": 50.0, "change_price": 0.0},
    {"warmup": 0, "price": 20.0, "change_price": 0.0, "minimum_billed_minutes": 2},
    {"warmup": 5, "price": 9.0, "change_price": 1.0, "minimum_billed_minutes": 60},
    {"warmup": 5, "price": 20.0, "change_price": 0.0, "delay": 1},
    {"warmup": 3, "price": 9.0, "change_price": 1.0, "minimum_billed_minutes": 30, "delay": 17},
    {"warmup": 5, "price": 20.0, "change_price": 0.0, "minimum_billed_minutes": 300},
    {"warmup": 5, "price": 20.0, "change_price": 150.0, "minimum_billed_minutes": 720},
]


def days(now):
    """Return the minutes of today and yesterday known in `now`, from when fleets begin."""
    midnight = now - (START + now) % DAY
    return slice(midnight - BURN_IN, now), slice(midnight - DAY - BURN_IN, midnight)


@pytest.mark.parametrize("fleet", FLEETS)
def test_costs_of_a_rule_are_those_of_its_fleet_machine_by_machine(fleet):
    load = np.round(busy_load(3 * DAY))
    bank = new(**fleet)
    advance(bank, cut(load, 1))
    first = bank.simulated.layout.rules - len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
    headroom = PEAK_HEADROOMS.index(0.0)
    for place, minutes in enumerate(PEAK_MINUTES):
        member = first + place * len(PEAK_HEADROOMS) + headroom
        for age, span in enumerate(days(len(load))):
            wanted = [load[now - minutes : now].max() for now in range(span.start, span.stop)]
            expected = plain_cost(wanted, wanted, load[span], fleet, age > 0)
            assert bank.scores.costs[age, member] == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("fleet", FLEETS)
def test_costs_of_the_network_are_those_of_a_fleet_that_moves_into_its_band(fleet):
    load = busy_load(3 * DAY)
    bank = new(**fleet)
    advance(bank, cut(load, 2))
    series = Series(START, fleet["warmup"] + fleet.get("delay", 0), len(load))
    series.append(load)
    told = {"price": fleet["price"], "change_price": fleet["change_price"]}
    for age, span in enumerate(days(len(load))):
        rows = features(series, LOOKBACK + span.start, LOOKBACK + span.stop, **told)
        low, high = (
            whole_machines(each) for each in network_bands(POLICY, rows, BankSettings())[:2]
        )
        for member in (0, bank.first, bank.simulated.layout.network - 1):
            edges = np.maximum(low[:, member], 1), np.maximum(high[:, member], 1)
            expected = plain_cost(*edges, load[span], fleet, age > 0)
            assert bank.scores.costs[age, member] == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("delay", [0, 1, 20])
def test_costs_of_a_tracker_are_those_of_the_baseline(delay):
    load, fleet = busy_load(2 * DAY), {"warmup": 5, "price": 20.0, "change_price": 2.0}
    fleet |= {"minimum_billed_minutes": 90, "delay": delay}
    bank = new(chosen=BankSettings(peak_factor=100.0), **fleet)  # the baseline knows no such limit
    advance(bank, cut(load, 3))
    today, _ = days(len(load))
    rules = make_rules(
        capacity=1.0,
        warmups=5,
        failure_price=fleet["price"],
        change_price=fleet["change_price"],
        minimum_billed_minutes=fleet["minimum_billed_minutes"],
    )
    for place, target in enumerate(TRACKING_TARGETS):
        record, minutes = np.empty((RECORDS, today.stop - today.start)), load[today]
        machines = new_fleet(int(np.ceil(load[today.start - 1] / target - 1e-9)), rules)
        track(target, np.zeros(len(minutes)), delay, minutes, 0, machines, rules, record)
        counts, failed = record[DESIRED, delay:], record[FAILED, delay:]
        costs = paid(counts, failed, **prices(fleet))
        expected = costs[BURN_IN - delay : len(counts)].sum()
        assert bank.scores.costs[0, bank.simulated.layout.bands + place] == pytest.approx(
            expected, abs=1.0
        )
