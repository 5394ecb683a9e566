"""The members of a bank: rules decide as the baselines of the same name, and as plainly written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.baselines.hpa import autoscale
from autoscaling_rl.baselines.target_tracking import track
from autoscaling_rl.baselines.window import DESIRED, RECORDS
from autoscaling_rl.controller.features import NAMES, SIZE, features
from autoscaling_rl.controller.members import (
    ALONE,
    HOLDS,
    HPA_TARGETS,
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    QUANTILE_RULES,
    TRACKING_TARGETS,
    BankSettings,
    network_bands,
    rule_bands,
    sliding_most,
    whole_machines,
)
from autoscaling_rl.controller.policy import MAX_MACHINES
from autoscaling_rl.controller.series import DAY, Series
from autoscaling_rl.controller.trackers import Trackers
from autoscaling_rl.environments.dynamics import make_rules, new_fleet
from tests.training_src.banks import MIDNIGHT, busy_load, fixed_policy

PLACES = {name: place for place, name in enumerate(NAMES)}


def rows(load, count, **prices):
    """Return the features of the last `count` decisions after `load`."""
    series = Series(MIDNIGHT + 77, 5, len(load))
    series.append(load)
    return features(series, series.size + 1 - count, series.size + 1, **prices)


def run_trackers(before, load, warmup):
    """Return the machines that every tracker wants, shape (minutes, trackers)."""
    trackers = Trackers()
    fleets = [trackers.begin(before)]
    for minute in range(1, len(load)):
        past = np.array(fleets)
        serving = past[-warmup:].min(axis=0) if warmup else past[-1]
        served = past[-warmup - 1 :].min(axis=0)
        wanted = trackers.step(load[minute - 1], past[-1], served, serving)
        fleets.append(np.maximum(wanted, 1.0))
    return np.array(fleets)


def run_baseline(kernel, argument, target, start, load, warmup):
    """Return the machines that a baseline wants without failures, from a fleet of `start`."""
    rules, record = make_rules(capacity=1.0, warmups=warmup), np.empty((RECORDS, len(load)))
    kernel(target, argument, 0, load, 0, new_fleet(int(start), rules), rules, record)
    return record[DESIRED]


def loads(seed):
    """Return a load that wanders, jumps, falls to nothing and begins with a high minute."""
    rng = np.random.default_rng(seed)
    load = 12 * np.exp(0.05 * rng.standard_normal(400).cumsum() + 0.1 * rng.standard_normal(400))
    load[100:130] *= 6
    load[250:260] = 0.0
    return load


@pytest.mark.kernels
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("warmup", [0, 1, 5, 30])
def test_trackers_want_what_the_baselines_want(seed, warmup):
    load, before = loads(seed), 15.0
    found = run_trackers(before, load, warmup)
    zeros = np.zeros(len(load))
    for place, (kernel, target) in enumerate(
        [(track, target) for target in TRACKING_TARGETS]
        + [(autoscale, target) for target in HPA_TARGETS]
    ):
        start = max(1.0, np.ceil(before / target))
        expected = run_baseline(kernel, zeros.copy(), target, start, load, warmup)
        assert found[:, place].tolist() == expected.tolist(), (kernel.__name__, target)


def test_fleets_begin_at_their_target():
    fleets = Trackers().begin(20.0)
    targets = np.array(TRACKING_TARGETS + HPA_TARGETS)
    assert (fleets * targets >= 20 - 1e-6).all()
    assert ((fleets - 1) * targets < 20).all()
    assert (Trackers().begin(0.0) == 1).all()


def test_a_new_day_forgets_alarms_and_recommendations():
    load, trackers = loads(1), Trackers()
    first = trackers.begin(load[0])
    for each in load[:50]:
        trackers.step(each, first, first, first)
    assert trackers.recommended.any()
    again = trackers.begin(load[0])
    fresh = Trackers()
    assert again.tolist() == fresh.begin(load[0]).tolist()
    for minute in range(30):
        wanted = (
            each.step(load[minute], first, first, first).tolist() for each in (trackers, fresh)
        )
        assert next(wanted) == next(wanted)


def test_unwanted_trackers_have_no_size():
    assert Trackers(wanted=False).size == 0
    assert Trackers().size == len(TRACKING_TARGETS) + len(HPA_TARGETS)


@pytest.mark.parametrize("before", [0, 1, 9])
def test_rules_want_what_is_written_plainly(before):
    load, count = busy_load(3 * DAY), 40
    every = rows(load, count + before)
    none = np.full((max(HOLDS) - 1, len(QUANTILE_RULES)), -np.inf)
    _, held = rule_bands(every[:, :before], none) if before else (None, none)
    wishes, _ = rule_bands(every[:, before:], held)
    table = every.T.tolist()

    def wish(minute, base, multiplier, quantile):
        row = table[minute]
        level = row[0] + (row[PLACES["profile_0"]] if base.startswith("forecast") else 0.0)
        return level + multiplier * max(row[PLACES[f"{base}_{quantile}"]], 0.0)

    for minute in range(count):
        now = before + minute
        expected = [
            max(wish(past, *rule) for past in range(max(0, now - hold + 1), now + 1))
            for hold in HOLDS
            for rule in QUANTILE_RULES
        ]
        expected += [
            table[now][0] + table[now][PLACES[f"peak_{minutes}"]] + np.log(1 + headroom)
            for minutes in PEAK_MINUTES
            for headroom in PEAK_HEADROOMS
        ]
        assert wishes[minute].tolist() == pytest.approx(expected)


def test_a_peak_rule_covers_the_highest_load_of_the_last_minutes():
    load = np.round(busy_load(2000))
    wishes, _ = rule_bands(rows(load, 1), np.full((9, len(QUANTILE_RULES)), -np.inf))
    peaks = whole_machines(wishes[0, -len(PEAK_MINUTES) * len(PEAK_HEADROOMS) :])
    exact = [
        load[-minutes:].max() for minutes in PEAK_MINUTES for each in PEAK_HEADROOMS if each == 0
    ]
    assert [
        machines
        for machines, headroom in zip(peaks, PEAK_HEADROOMS * len(PEAK_MINUTES), strict=True)
        if headroom == 0
    ] == exact


@given(st.integers(0, 20), st.integers(1, 12))
def test_the_sliding_most_is_that_of_the_rows_known(count, width):
    values = np.random.default_rng(count).normal(size=(count, 3))
    expected = [values[max(0, end - width) : end].max(axis=0) for end in range(1, count + 1)]
    assert sliding_most(values, width).tolist() == [each.tolist() for each in expected]


@given(st.floats(0, 1e5))
def test_whole_machines_are_the_nearest(machines):
    (found,) = whole_machines(np.log1p(np.array([machines])))
    assert abs(found - machines) <= 0.5 + 1e-6
    assert found == round(found)


def test_whole_machines_stay_within_what_a_fleet_can_be():
    logs = np.array([-np.inf, -5.0, 0.0, 1e3, np.inf])
    assert whole_machines(logs).tolist() == [0, 0, 0, MAX_MACHINES, MAX_MACHINES]


def test_the_network_is_asked_at_every_price_and_moved_by_every_offset():
    policy, settings = fixed_policy(hidden=12), BankSettings()
    load = busy_load(2 * DAY)
    wanted, keep, spread = network_bands(policy, rows(load, 30), settings)
    assert spread.tolist() == [0.0] * len(wanted)  # one network is of one mind
    column = 0
    for factor in settings.price_factors:
        asked = rows(load, 30, price=20.0 * factor).T
        outputs = policy.outputs(asked)
        for offset in settings.offsets:
            low = asked[:, 0] + outputs[:, 0] + offset
            assert wanted[:, column] == pytest.approx(low, abs=1e-6)
            high = low + np.maximum(outputs[:, 1], 0)
            assert keep[:, column] == pytest.approx(high, abs=1e-6)
            column += 1
    assert column == wanted.shape[1] == keep.shape[1]


def test_settings_survive_the_manifest():
    for settings in (BankSettings(), ALONE, BankSettings(decay=0.5, trackers=False)):
        assert BankSettings.of(settings.specification()) == settings


def test_alone_is_the_network_as_it_is():
    policy, asked = fixed_policy(), rows(busy_load(DAY), 20)
    wanted, _, _ = network_bands(policy, asked, ALONE)
    assert wanted.shape == (20, 1)
    assert asked.shape[0] == SIZE
    assert wanted[:, 0] == pytest.approx(asked[0] + policy.outputs(asked.T)[:, 0], abs=1e-6)
