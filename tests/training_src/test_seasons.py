"""Rules that know the clock: ready for what came at the same time on two or three of seven days."""

from dataclasses import replace

import numpy as np
import pytest

from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.members import BankSettings, whole_machines
from autoscaling_rl.controller.peaks import past_days
from autoscaling_rl.controller.seasons import (
    DAYS,
    SEASON_HEADROOMS,
    SEASON_RULES,
    season_bands,
)
from autoscaling_rl.controller.series import LOOKBACK, Series
from tests.training_src.banks import DAY, MIDNIGHT, START, advance, busy_load, new

WARMUP = 5
NOON = 720
MOVED = [rule.moved for rule in SEASON_RULES].index(True)
PLAIN = [rule.moved for rule in SEASON_RULES].index(False)


def series_of(load, warmup=WARMUP):
    series = Series(START, warmup, len(load))
    series.append(load)
    return series


def bands(series, begin, end):
    """Return the logs that the rules want, as a bank asks for them."""
    week = past_days(series, begin, end, DAYS)
    return season_bands(begin, end, features(series, begin, end, week=week), week)


def wanted(load, rule):
    """Return the machines that a rule wants without headroom for the minute after a load."""
    series = series_of(load)
    logs = bands(series, series.size, series.size + 1)
    return int(whole_machines(logs)[0, rule * len(SEASON_HEADROOMS)])


def written_plainly(load, warmup):
    """Return what each rule wants after `load`, from the load itself."""
    demand = np.rint(np.log1p(load) * 65536) / 65536
    now, plain, moved = len(load), [], []
    for ago in (DAY * days for days in DAYS):
        then = now - ago
        if then < 60:
            continue
        peak = demand[then : then + warmup + 1].max()
        shift = demand[now - 60 :].mean() - demand[then - 60 : then].mean()
        plain.append(peak)
        moved.append(peak + min(max(shift, -np.log(4)), np.log(4)))
    needs = []
    for rule in SEASON_RULES:
        days = sorted(moved if rule.moved else plain, reverse=True)
        need = days[rule.rank - 1] if len(days) >= rule.rank else 0.0
        recent = demand[-rule.minutes :].max()
        needs += [max(need + np.log1p(headroom), recent) for headroom in SEASON_HEADROOMS]
    return needs


@pytest.mark.parametrize("warmup", [0, 1, 5, 60])
@pytest.mark.parametrize(
    "known", [90, 2 * DAY + 59, 2 * DAY + 60, 3 * DAY + 500, 7 * DAY + 60, 10 * DAY]
)
def test_rules_want_what_is_written_plainly(known, warmup):
    load = busy_load(known, seed=known)
    series = series_of(load, warmup)
    logs = bands(series, series.size, series.size + 1)
    assert logs[0].tolist() == pytest.approx(written_plainly(load, warmup), abs=1e-9)


def test_rules_are_those_that_were_chosen():
    assert [tuple(rule) for rule in SEASON_RULES] == [(2, True, 2), (3, False, 10)]
    assert SEASON_HEADROOMS == (0.0, 0.1, 0.25)  # docs/validation.md, fourth round


@pytest.mark.parametrize("warmup", [0, 5, 60])
def test_many_minutes_at_once_are_those_one_by_one(warmup):
    series = series_of(busy_load(9 * DAY), warmup)
    begin, end = series.size - 200, series.size
    at_once = bands(series, begin, end)
    one_by_one = [bands(series, index, index + 1)[0] for index in range(begin, end)]
    assert at_once.tolist() == np.array(one_by_one).tolist()


def test_the_future_is_not_read():
    load = busy_load(9 * DAY)
    other = load.copy()
    other[8 * DAY :] *= 3.0
    index = LOOKBACK + 8 * DAY
    one, two = (bands(series_of(each), index, index + 1) for each in (load, other))
    assert one.tolist() == two.tolist()


def daily_jump(days=9, *, base=10.0, jump=50.0, ago=None):
    """Return a load that jumps for half an hour at noon, up to a warm-up before it does again.

    Args:
        days: how long.
        base, jump: machines.
        ago: days before the last on which it jumps; all of them if None.
    """
    load = np.full(days * DAY, base)
    minute = START - MIDNIGHT + np.arange(len(load))
    last = np.flatnonzero(minute % DAY == NOON)[-1]
    before = minute[last] // DAY - minute // DAY
    noon = (minute % DAY >= NOON) & (minute % DAY < NOON + 30)
    load[noon & (np.isin(before, ago) if ago is not None else True)] = jump
    return load[: last - WARMUP]


@pytest.mark.parametrize("rule", [MOVED, PLAIN])
def test_a_jump_that_comes_daily_is_awaited_and_forgotten_when_it_is_over(rule):
    load = daily_jump()
    assert wanted(load, rule) == 50
    assert wanted(load[:-1], rule) == 10
    after = np.concatenate((load, np.full(WARMUP, 10.0), np.full(30, 50.0), np.full(11, 10.0)))
    assert wanted(after, rule) == 10


@pytest.mark.parametrize("rule", [MOVED, PLAIN])
def test_what_came_once_is_not_awaited_and_what_failed_to_come_once_is(rule):
    once, failed = np.full(9 * DAY, 10.0)[: len(daily_jump())], daily_jump()
    yesterday = slice(len(once) - DAY, len(once) - DAY + 60)
    once[yesterday] = 50.0
    failed[yesterday] = 10.0
    assert wanted(once, rule) == 10
    assert wanted(failed, rule) == 50


@pytest.mark.parametrize(
    ("ago", "moved", "plain"),
    [
        ((1,), 10, 10),
        ((1, 2), 50, 10),
        ((1, 2, 3), 50, 50),
        ((5, 6, 7), 50, 50),
        ((6, 7), 50, 10),
        ((7, 8), 10, 10),
    ],
)
def test_a_jump_is_awaited_that_came_on_two_or_on_three_of_seven_days(ago, moved, plain):
    load = daily_jump(ago=ago)
    assert (wanted(load, MOVED), wanted(load, PLAIN)) == (moved, plain)


def test_a_day_is_scaled_by_how_the_last_hour_compares():
    load = daily_jump()
    load[-60:] *= 2.0
    assert wanted(load, MOVED) == round(51 * 21 / 11 - 1)  # of log(1 + load)
    assert wanted(load, PLAIN) == 50
    load[-60:] *= 5.0  # and at most to four times as much
    assert wanted(load, MOVED) == 4 * 51 - 1
    load[-60:] = 1.0
    assert wanted(load, MOVED) == round(51 / 4 - 1)


def test_a_bank_learns_to_be_ready_for_a_daily_jump():
    load = daily_jump(12)
    chosen = BankSettings(trackers=False)
    said = advance(new(chosen=chosen), [load])
    assert said[0, -1] >= 50
    without = replace(chosen, seasons=False)
    assert advance(new(chosen=without), [load])[0, -1] < 20
