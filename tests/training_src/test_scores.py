"""Which member is followed, how far, and why a mixture of two is safe."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller.bank import Bank
from autoscaling_rl.controller.fleet import COST_GRID, Fleet, charge
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.scores import Followed, Scores, mixed
from tests.training_src.banks import DAY, busy_load, new

SETTINGS = BankSettings(decay=1.0)
TRACKER = 100.0  # machine-minutes a day of the best tracker
RIVAL = 3  # which is this member


def followed(leader_costs, settings=SETTINGS) -> Followed | None:
    """Return what is followed after days of costs, today's last; other members cost more."""
    scores = Scores(settings, 5, range(2, 5))
    for day, cost in enumerate(leader_costs):
        scores.turn(int(day > 0))
        scores.add(np.array([cost, 1.5 * TRACKER, 1.2 * TRACKER, TRACKER, 1.1 * TRACKER]))
    return scores.choose()


@pytest.mark.parametrize(
    ("costs", "share"),
    [
        ([99.0] * 6, 1.0),  # the same on each of six days: evidence of sqrt(6), 2 are enough
        ([99.0] * 4, 1.0),
        ([99.0] * 3, 13 / 16),  # sqrt(3) / 2 = 0.866, rounded down
        ([99.0] * 2, 11 / 16),
        ([99.0], 0.5),
        ([100.0] * 5 + [95.0], 0.5),  # all on one day
        ([99.0, 102.0, 97.0, 101.0, 98.0, 102.0], 0.5),
        ([40.0, 100.0, 100.0, 100.0, 100.0, 100.0], 10 / 16),  # on one day, 10 % of all: 10 / 15
        ([10.0, 100.0, 100.0, 100.0, 100.0, 100.0], 1.0),  # on one day, but 15 % of all
    ],
)
def test_the_share_of_a_leader_is_the_evidence_that_it_saves(costs, share):
    assert followed(costs) == Followed(0, RIVAL, share)


def test_a_tracker_that_leads_is_followed():
    leader, rival, _ = followed([101.0] * 6)
    assert (leader, rival) == (RIVAL, RIVAL)


def test_the_tracker_that_is_best_on_a_fortnight_is_what_a_leader_is_compared_with():
    scores = Scores(SETTINGS, 4, range(1, 3))  # the last is a Kubernetes autoscaler

    def day(*costs):
        scores.turn(1)
        scores.add(np.array(costs))

    day(0.0, TRACKER, 2 * TRACKER, 0.0)  # a day on which the first tracker is worth it
    for _ in range(12):
        day(96.0, TRACKER, 95.0, 97.0)
    assert scores.choose() == Followed(2, 1, 1.0)
    # Of days so old no more is known than what target trackers cost.
    np.testing.assert_array_equal(scores.costs[6:, [0, 3]], 0.0)
    assert (scores.costs[:, 1:3] > 0.0).all()
    day(96.0, TRACKER, 95.0, 97.0)
    assert scores.choose().rival == 2


def test_a_saving_counts_as_a_share_of_that_trackers_cost_though_another_is_cheaper_now():
    scores = Scores(SETTINGS, 3, range(1, 3))
    for costs in (
        [(0.0, TRACKER, 9 * TRACKER)] + [(100.0, TRACKER, 90.0)] * 6 + [(40.0, 100.0, 90.0)]
    ):
        scores.turn(1)
        scores.add(np.array(costs))
    # 60 of 600 on one of six days: 10 %, of 15; of the other tracker's 540 it would be 11 %.
    assert scores.choose() == Followed(0, 1, 10 / 16)


def test_nobody_is_followed_before_anything_costs_or_for_a_part_without_trackers():
    assert followed([]) is None
    scores = Scores(SETTINGS, 2, range(0))
    scores.add(np.array([2.0, 1.0]))
    assert scores.choose() == Followed(1, 1, 1.0)


def test_older_days_are_less_evidence():
    fading, good = replace(SETTINGS, decay=0.5), [98.0] * 5
    assert followed([101.0, *good]).share == followed([*good, 101.0]).share
    assert followed([101.0, *good], fading).share > followed([*good, 101.0], fading).share


def test_a_saving_and_what_it_is_compared_with_fade_alike():
    # The tracker's days count 100, 50, 25, ...: 197 in all, of which today's 40 are a fifth.
    days, fading = [TRACKER] * 5 + [60.0], replace(SETTINGS, decay=0.5, much=0.25)
    counts = sum(TRACKER * 0.5**age for age in range(6))
    assert followed(days, fading).share == int(16 * 40.0 / counts / 0.25) / 16 == 13 / 16


def test_costs_of_today_that_are_not_charged_yet_count():
    scores = Scores(SETTINGS, 3, range(2, 3))
    scores.add(np.array([50.0, 60.0, 70.0]))
    more = np.array([50.0, 30.0, 30.0])
    expected = Scores(SETTINGS, 3, range(2, 3))
    expected.add(np.array([100.0, 90.0, 100.0]))
    assert scores.choose(more) == expected.choose() == Followed(1, 2, 10 / 16)


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
    st.lists(st.integers(1, 10**9), min_size=6, max_size=6),
)
def test_a_share_is_a_sixteenth_from_the_least_to_one(own, others):
    scores = Scores(BankSettings(), 2, range(1, 2))
    for day, (mine, its) in enumerate(zip(own, others, strict=False)):
        scores.turn(int(day > 0))
        scores.add(np.array([mine, its]) / COST_GRID)
    share = scores.choose().share
    assert 0.5 <= share <= 1.0
    assert share * 16 == int(share * 16)


machines = st.lists(st.integers(0, 200), min_size=40, max_size=40)


@given(machines, machines, machines, st.integers(0, 16), st.sampled_from((0, 1, 7)))
def test_a_mixture_costs_no_more_than_the_mixture_of_the_costs(one, other, load, part, warmup):
    share = part / 16
    fleet = Fleet((warmup,), price=30.0, change_price=3.0)
    both = np.array([one, other], float)
    mixture = other + share * (both[0] - both[1])
    made = np.stack([*both, mixture], axis=1)
    costs = charge(fleet, made, np.array(load[-20:], float)).sum(axis=0)
    assert costs[2] <= share * costs[0] + (1 - share) * costs[1] + 20 / COST_GRID
    whole = mixed(both[0], both[1], share)
    assert ((mixture - 0.25 <= whole) & (whole < mixture + 0.75)).all()


def test_what_is_followed_in_part_is_a_fleet_between_the_two(monkeypatch):
    bank, differ = new(), 0
    followed = Followed(4, bank.scores.rivals[7], 0.625)
    monkeypatch.setattr(Bank, "_choice", lambda *_: followed)
    load = busy_load(DAY)
    bank.advance(load[:-90])
    for minute in load[-90:]:
        wanted, keep = bank.advance(np.array([minute]))[:2, 0]
        bank.settle()
        leader, rival = bank.simulated.machines[-1, list(followed[:2])]
        assert wanted == keep == np.ceil(rival + 0.625 * (leader - rival) - 0.25)
        differ += leader != rival
    assert differ > 60


def test_a_leader_that_is_sure_is_followed_into_its_band(monkeypatch):
    bank = new()
    followed = Followed(4, bank.scores.rivals[7], 1.0)
    monkeypatch.setattr(Bank, "_choice", lambda *_: followed)
    wanted, keep = bank.advance(busy_load(DAY))[:2, -600:]
    assert (wanted < keep).any()
    fleet = bank.simulated.machines[-1, followed.leader]
    assert wanted[-1] <= fleet <= keep[-1]
