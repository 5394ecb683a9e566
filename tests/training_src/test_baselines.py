import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.baselines import forecast
from autoscaling_rl.baselines.headroom import headroom_grid, seen_windows
from autoscaling_rl.baselines.hpa import hpa, recommend
from autoscaling_rl.baselines.peak_hold import peak_hold
from autoscaling_rl.baselines.predictive import predictive
from autoscaling_rl.baselines.registry import BASELINES, DEFAULT, ORACLE, run_baselines
from autoscaling_rl.baselines.replay import replay_decisions, replay_need
from autoscaling_rl.baselines.seasonal import seasonal
from autoscaling_rl.baselines.static_best import static_best
from autoscaling_rl.baselines.step_scaling import step_scaling
from autoscaling_rl.baselines.target_tracking import target_tracking
from autoscaling_rl.baselines.window import CHANGED, DAY, Window
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, make_rules
from autoscaling_rl.errors import UserError
from benchmarks.baseline_table import TRACES, compare, read_window

pytestmark = pytest.mark.kernels

CAPACITY = 10.0
RULES = make_rules(capacity=CAPACITY, warmups=2)
IN_HINDSIGHT = "static_best"
SHARED = Path(__file__).parents[3] / "shared" / "traces"


def window(machines, *, before=1, rules=RULES, **keywords):
    """A window whose load would keep `machines` busy, after `before` minutes of history."""
    return Window(np.array(machines, np.float64) * CAPACITY, before, rules, **keywords)


def desired(trajectory):
    return trajectory.desired.astype(int).tolist()


def test_tracking_adds_after_three_minutes_above_and_removes_after_fifteen_below():
    load = [3.0] * 4 + [6.0] * 8 + [2.0] * 20
    run = target_tracking(window(load, before=1))(0.6)
    # In service at the start: 3 / 0.6. The first loads above are those of minutes 3, 4 and 5, seen
    # by minute 6. The first ones below are those of minutes 11 to 25, seen by minute 26.
    assert desired(run) == [5] * 6 + [10] * 20 + [4] * 5


def test_tracking_counts_machines_on_their_way():
    rules = make_rules(capacity=CAPACITY, warmups=9)
    run = target_tracking(window([3.0] * 2 + [6.0] * 12 + [6.6] * 2 + [6.0] * 2, rules=rules))(0.6)
    # Utilisation stays high until the machines of minute 4 serve: nothing is added on top of them
    # but for the load of 6.6 machines.
    assert desired(run) == [5] * 4 + [10] * 10 + [11] * 3


def test_tracking_removes_nothing_while_machines_are_on_their_way():
    rules = make_rules(capacity=CAPACITY, warmups=60)
    load = [6.0] * 2 + [9.0] * 4 + [1.0] * 30
    assert min(desired(target_tracking(window(load, rules=rules))(0.6))) == 10


def test_tracking_does_nothing_between_its_thresholds():
    load = [3.0] + [2.71, 3.0] * 40  # five machines at 54.2 to 60 %
    assert desired(target_tracking(window(load))(0.6)) == [5] * 80


def test_steps_are_those_of_the_example():
    up = desired(step_scaling(window([12.0, 11.0] + [12.9] * 4 + [14.1] * 4)))
    # Of 20 machines 64.5 % are busy in minutes 1 to 4: 10 % more, which count while on their way.
    # 70.5 % in minute 5 add 30 % of 22, and the 64 % after that 10 % of what serves by then.
    assert up == [20] * 4 + [22, 22, 28, 28, 30]
    down = desired(step_scaling(window([12.0, 12.0] + [5.0] * 19)))
    # 25 % of 20 are busy for fifteen minutes, then 36 % of 14 and 38 % of 13.
    assert down == [20] * 16 + [14, 13, 12, 12]


def test_hpa_adds_at_once_and_removes_after_five_minutes():
    run = hpa(window([3.0] * 2 + [6.0] * 3 + [3.0] * 8))(0.6)
    assert desired(run) == [5, 5, 10, 10, 10] + [10] * 4 + [5] * 3


@pytest.mark.parametrize(
    ("load", "machines"),
    [(60.0, 10), (65.9, 10), (54.1, 10), (66.1, 12), (53.9, 9), (0.0, 0), (6e6, 160)],
)
def test_hpa_recommends(load, machines):
    assert recommend(load, 10, 0.6, CAPACITY) == machines


def test_hpa_may_add_four_machines_a_period_to_a_small_fleet():
    assert recommend(1e9, 1, 0.6, CAPACITY) == (((1 + 4) * 2) * 2) * 2


def test_peak_hold_covers_the_highest_load_of_the_last_minutes():
    load = [1.0, 2.0, 4.0, 3.0, 1.0, 1.0, 1.0]
    assert desired(peak_hold(window(load, before=2))(2, 0.0)) == [2, 4, 4, 3, 1]
    assert desired(peak_hold(window(load, before=2))(3, 0.5)) == [3, 6, 6, 6, 5]
    delayed = window(load, before=2, metric_delay=1)
    assert desired(peak_hold(delayed)(2, 0.0)) == [1, 2, 4, 4, 3]


def test_seen_windows_reach_to_the_last_known_minute():
    seen = seen_windows(window(range(9), before=4, metric_delay=2), 3)
    assert (seen / CAPACITY).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]


def days(count, seed=0):
    """Load of some days with a daily cycle and noise, in machines."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(count * DAY)
    return 10 + 5 * np.sin(2 * np.pi * minutes / DAY) + rng.uniform(0, 0.5, len(minutes))


def test_the_seasonal_forecast_repeats_a_season_at_the_present_level():
    load = np.concatenate((days(1), 1.5 * days(1)))
    ahead = forecast.seasonal_forecast(window(load, before=DAY + 60))[:-15]
    expected = [load[minute : minute + 6].max() for minute in range(DAY + 60, 2 * DAY - 15)]
    assert ahead / CAPACITY == pytest.approx(expected, rel=0.06)


def test_the_level_is_corrected_by_four_at_most():
    load = np.concatenate((np.ones(DAY), np.full(DAY, 50.0)))
    ahead = forecast.seasonal_forecast(window(load, before=DAY + 60))[:-15]
    assert ahead / CAPACITY == pytest.approx(4.0)
    ahead = forecast.seasonal_forecast(window(load[::-1], before=DAY + 60))[:-15]
    assert ahead / CAPACITY == pytest.approx(0.3 * 50)


def test_past_days_are_weighted_as_far_as_they_are_known():
    load = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    mean = forecast.weighted_days(load, 1, 7, 3.0)
    assert mean[:3].tolist() == [0.0, 1.0, 1.5]
    assert mean[7] == pytest.approx((3 * 1 + sum(range(2, 8))) / 9)
    assert mean[8] == pytest.approx((3 * 2 + sum(range(3, 9))) / 9)


def test_without_a_past_day_seasonal_scaling_is_reactive():
    load = [2.0] * 60 + [4.0] * 60
    assert not forecast.seasonal_forecast(window(load, before=60)).any()
    run = desired(seasonal(window(load, before=60))(0.0))
    assert run[:4] == [2, 3, 4, 4]
    falling = desired(seasonal(window(load[::-1], before=60))(0.0))
    assert falling[:13] == [4] * 12 + [3]  # the mean of three minutes, then held for ten


def test_the_hourly_forecast_is_the_mean_of_the_same_hours():
    load = np.concatenate((np.repeat(np.arange(24.0), 60), np.zeros(DAY)))
    ahead = forecast.hourly_forecast(window(load, before=DAY))
    hours = np.append(np.arange(24.0), 0.0)
    expected = np.repeat(hours[:24], 60)
    buffer = np.arange(DAY) % 60 >= 55
    expected[buffer] = np.maximum(expected, np.repeat(hours[1:], 60))[buffer]
    assert ahead / CAPACITY == pytest.approx(expected)


def test_hours_are_those_of_the_clock():
    load = np.concatenate((np.repeat([0.0, 6.0], [40, DAY - 40]), np.zeros(DAY)))
    ahead = forecast.hourly_forecast(window(load, before=DAY, minute_of_hour=20))
    assert (ahead[:40] / CAPACITY).tolist() == [0.0] * 35 + [6.0] * 5


def test_predictive_scaling_is_ready_before_the_hour_and_never_below_tracking():
    load = np.concatenate((np.repeat([1.0, 6.0, 1.0], [60, 60, DAY - 120]), np.ones(180)))
    run = desired(predictive(window(load, before=DAY))(0.6))
    assert run[:55] == [2] * 55
    assert run[55:120] == [10] * 65
    busy = window(np.concatenate((np.ones(DAY), np.full(60, 3.0))), before=DAY)
    assert desired(predictive(busy)(0.6))[-1] == desired(target_tracking(busy)(0.6))[-1] == 5


@pytest.mark.parametrize("load", [days(1)[:90], np.zeros(90), np.full(90, 0.4)])
@pytest.mark.parametrize("maximum", [0, 7])
def test_static_best_is_the_best_constant(load, maximum):
    rules = make_rules(capacity=CAPACITY, failure_price=3, max_machines=maximum)
    hour = window(load, before=30, rules=rules)
    costs = [replay_need(hour, np.full(60, float(count))).cost(rules) for count in range(1, 20)]
    assert static_best(hour).cost(rules) == pytest.approx(min(costs))


@pytest.mark.parametrize("name", [name for name in BASELINES if name != IN_HINDSIGHT])
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 29))
def test_no_baseline_looks_ahead(name, seed, delay, minute):
    rng = np.random.default_rng(seed)
    load = rng.gamma(2, 3, DAY + 60)
    other = load.copy()
    # The start of the window follows the load before it, however late that is known.
    other[DAY + 30 + max(0, minute - delay) :] *= rng.gamma(1, 2)
    rules = make_rules(capacity=CAPACITY, warmups=[1, 4, 9], launch_failure_rate=0.1)
    baseline = BASELINES[name]
    knobs = baseline.grid[len(baseline.grid) // 2]
    runs = [
        desired(baseline.run(window(each, before=DAY + 30, rules=rules, metric_delay=delay), knobs))
        for each in (load, other)
    ]
    assert runs[0][: minute + 1] == runs[1][: minute + 1]


def short_window(seed=0, **keywords):
    return window(days(1, seed)[:150], before=100, **keywords)


def test_tuning_takes_the_knobs_with_the_least_cost_on_the_history_alone():
    history = short_window().tuning()
    for name in ("target_tracking_tuned", "hpa_tuned", "seasonal_tuned"):
        baseline = BASELINES[name]
        costs = [baseline.run(history, knobs).cost(RULES) for knobs in baseline.grid]
        assert baseline.tune(history) == baseline.grid[int(np.argmin(costs))]


def test_the_window_for_tuning_ends_where_the_window_starts():
    assert short_window().tuning().first == 50
    assert len(short_window().tuning().load) == 100
    long = window(days(20), before=18 * DAY)
    assert long.tuning().first == 4 * DAY
    assert long.recent(14).tuning().first == 2 * DAY
    assert long.tuning(3).first == 15 * DAY
    assert long.recent(14).first == 14 * DAY
    assert long.recent(14).requests.tolist() == long.requests.tolist()


def test_the_clock_goes_with_the_history():
    long = window(days(3), before=2 * DAY + 7, minute_of_hour=50)
    assert long.recent(1).minute_of_hour == (50 + DAY + 7) % 60


def test_without_history_there_is_nothing_to_tune_on():
    with pytest.raises(UserError, match="no load is known before"):
        run_baselines(window([1.0, 2.0], before=0))


def test_all_baselines_run_in_order():
    runs = run_baselines(short_window())
    assert list(runs) == [*BASELINES, ORACLE]
    assert DEFAULT in runs
    assert [name for name, each in BASELINES.items() if each.tuned] == [
        name for name in BASELINES if name.endswith("_tuned")
    ]
    assert runs["target_tracking_60"].knobs == {"target": 0.6}
    assert set(runs["peak_hold_tuned"].knobs) == {"minutes", "headroom"}


def test_the_start_is_within_the_limits():
    rules = make_rules(capacity=CAPACITY, min_machines=3, max_machines=5)
    assert window([60.0, 1.0], rules=rules).machines == 5
    assert window([0.0, 1.0], rules=rules).machines == 3
    assert window([1.2, 9.0]).machines == 2
    assert window([1.2, 9.0], before=0).machines == 2


def test_a_peak_that_no_fleet_can_serve_is_refused():
    with pytest.raises(UserError, match="peaks at 1e"):
        window([1.0, 1e9])


def test_limits_and_prices_enter_every_cost():
    rules = make_rules(
        capacity=CAPACITY, warmups=2, change_price=3, minimum_billed_minutes=10, max_machines=4
    )
    run = replay_need(window([1.0] * 9, rules=rules), np.array([2, 9, 2, 2, 0, 2, 2, 2.0]))
    assert desired(run) == [2, 4, 2, 2, 1, 2, 2, 2]
    assert run.record[CHANGED].tolist() == [0, 2, 2, 0, 1, 1, 0, 0]
    machine_minutes = 2 + 4 + 2 + 2 + 1 + 2 + 2 + 2
    assert run.cost(rules) == pytest.approx(machine_minutes + 2 * 9 + 3 * 6)
    assert run.costs(rules).sum() == pytest.approx(run.cost(rules))


def test_a_policy_in_python_steps_through_the_same_dynamics():
    rules = make_rules(capacity=CAPACITY, warmups=[1, 3], launch_failure_rate=0.3, seed=5)
    hour = replace(short_window(rules=rules), clock=12_345)
    need = np.random.default_rng(1).integers(1, 9, hour.minutes).astype(float)
    seen = []

    def decide(minute, fleet):
        seen.append(int(fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]))
        return int(need[minute])

    decided, followed = replay_decisions(hour, decide), replay_need(hour, need)
    assert decided.record.tolist() == followed.record.tolist()
    assert seen[0] == hour.machines
    other = replay_need(replace(hour, clock=0), need)
    assert other.record.tolist() != followed.record.tolist()


def test_headrooms_ascend_to_fourteen():
    for step in (0.04, 0.05):
        grid = headroom_grid(step)
        assert list(grid) == sorted(set(grid))
        assert (grid[0], grid[-1]) == (-0.3, 14.0)
        assert np.diff(grid).min() >= step - 1e-9


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded loads are not here")
@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="two weeks take long in plain Python")
@pytest.mark.parametrize("trace", ["isp_uk", "tweets_goog", "llm_m_large"])
def test_costs_over_the_oracle_are_those_measured_independently(trace):
    differences = compare(TRACES[trace], read_window(SHARED, TRACES[trace], 20.0), 20.0)
    assert max(map(abs, differences.values())) < 0.02
