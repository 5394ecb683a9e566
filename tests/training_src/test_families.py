"""Families of generated load: deterministic, sound, kept apart, and recorded as files hold them."""

import numpy as np
import pytest

from autoscaling_rl.load import shapes
from autoscaling_rl.load.families import (
    INTERVALS,
    TEST,
    TRAINING,
    VALIDATION,
    Recording,
    generate,
)

FAMILIES = {**TRAINING, **VALIDATION, **TEST}
DAY, WEEK = 1440, 10080
COUNTED = Recording(1000.0)


def load(family, *, seed=0, recording=COUNTED, minutes=DAY, start=300):
    return generate(FAMILIES[family], recording, np.random.default_rng(seed), minutes, start)


@pytest.mark.kernels
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_finite_and_as_long_and_high_as_asked_for(family):
    for seed in range(4):
        series = load(family, seed=seed)
        assert series.shape == (DAY,)
        assert np.isfinite(series).all()
        assert series.min() >= 0
        assert series.mean() == pytest.approx(1000, rel=0.01)
        assert (series == np.round(series)).all()  # requests are counted


@pytest.mark.kernels
@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_fixes_a_series_and_another_gives_another(family):
    first, again, other = (load(family, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_training_validation_and_test_are_kept_apart():
    groups = [set(group) for group in (TRAINING, VALIDATION, TEST)]
    makers = {maker for group in (TRAINING, VALIDATION, TEST) for maker in group.values()}
    assert all(groups)
    assert len(set().union(*groups)) == sum(map(len, groups)) == len(makers)


def test_a_mixture_is_made_of_training_families_alone(monkeypatch):
    # Whatever the others make, mixtures stay the same.
    expected = [load("mixed", seed=seed).tolist() for seed in range(12)]
    for group in (VALIDATION, TEST):
        for name in group:
            monkeypatch.setitem(group, name, None)
    assert [load("mixed", seed=seed).tolist() for seed in range(12)] == expected


def test_days_and_weeks_are_those_of_the_clock():
    # The same cycle, begun six hours later, is the same cycle.
    early, late = (
        shapes.weekly_cycle(np.random.default_rng(3), WEEK, start, 0.8) for start in (0, 360)
    )
    assert early[360:].tolist() == late[:-360].tolist()
    assert early[:360].tolist() == late[-360:].tolist()


@pytest.mark.parametrize("interval", sorted(set(INTERVALS) - {1}))
def test_a_held_recording_repeats_the_rate_of_each_interval(interval):
    series = load("noisy", recording=Recording(1000.0, interval=interval, hold=True))
    bins = series.reshape(-1, interval)
    assert (bins == bins[:, :1]).all()
    assert len(set(bins[:, 0].tolist())) > len(bins) / 2
    assert series.mean() == pytest.approx(1000, rel=0.01)
    assert bins[:, 0] * interval == pytest.approx(np.round(bins[:, 0] * interval))


@pytest.mark.parametrize("interval", sorted(set(INTERVALS) - {1}))
def test_other_coarse_recordings_are_interpolated_between_the_middles(interval):
    parts = {"recording": Recording(1000.0, interval=interval)}
    held = load("noisy", recording=Recording(1000.0, interval=interval, hold=True))
    rates, series = held[::interval], load("noisy", **parts)
    for minute in (0, 1, interval, 5 * interval + 3, DAY - 1):
        place = min(max((minute + 0.5) / interval - 0.5, 0.0), len(rates) - 1.0)
        left = min(int(place), len(rates) - 2)
        expected = rates[left] + (place - left) * (rates[left + 1] - rates[left])
        assert series[minute] == pytest.approx(expected)


def test_scatter_makes_intervals_differ_more():
    smooth, rough = (
        load("seasonal", seed=5, recording=Recording(1e5, scatter)) for scatter in (0.0, 0.2)
    )
    changes = [np.diff(np.log(series)).std() for series in (smooth, rough)]
    assert changes[1] == pytest.approx(0.2 * np.sqrt(2), rel=0.2)
    assert changes[0] < changes[1] / 2


def test_outliers_hold_many_times_as_much_in_few_intervals():
    plain, spiked = (
        load("seasonal", seed=6, minutes=4 * DAY, recording=Recording(1e5, outliers=outliers))
        for outliers in (0.0, 0.02)
    )
    differs = spiked / plain > 1.2
    assert 0.002 < differs.mean() < 0.03
    assert 2 < (spiked / plain).max() <= 66


def test_damage_leaves_outages_and_jumps_and_happens_to_few_recordings():
    kinds = {"outage": 0, "jump": 0}
    for seed in range(30):
        whole, damaged = (
            load("environment", seed=seed, recording=Recording(1000.0, damage=damage))
            for damage in (False, True)
        )
        assert np.isfinite(damaged).all()
        assert damaged.min() >= 0
        kinds["outage"] += bool(((damaged == 0) & (whole > 0)).any())
        kinds["jump"] += bool(abs(damaged[-1] / whole[-1] - 1) > 0.1)
    assert all(5 < count < 30 for count in kinds.values())
    rng = np.random.default_rng(0)
    drawn = [Recording.draw(rng) for _ in range(400)]
    assert 0.08 < np.mean([each.damage for each in drawn]) < 0.25
    assert {each.interval for each in drawn} == set(INTERVALS)


def test_whatever_is_drawn_can_be_recorded():
    rng = np.random.default_rng(7)
    for name, family in FAMILIES.items():
        series = generate(family, Recording.draw(rng), rng, 2 * DAY, 30 * int(rng.integers(336)))
        assert series.shape == (2 * DAY,), name
        assert np.isfinite(series).all(), name
        assert series.min() >= 0, name
