import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Window
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.scorecard import (
    evaluation_scorecard,
    figures,
    paired_interval,
    savings,
    totals,
)
from lambdas.bootstrap import lower_bound
from lambdas.scorecard import parse_scorecard

CAPACITY = 10.0
FIGURES = [
    "failed_percent",
    "machine_hours",
    "J",
    "J_over_oracle",
    "gap_closed",
    "slo_minutes",
    "longest_outage_minutes",
    "changes_per_day",
]


def run(load, desired, **rules):
    window = Window(np.array(load, float), 1, make_rules(capacity=CAPACITY, warmups=1, **rules))
    return totals(replay_need(window, np.array(desired, float)), window)


def test_totals_of_a_window():
    # Two in service; the load of 30 fails by a third, 20.1 by 0.5 %, 20.2 by 1 %.
    load = [12, 10, 30, 20.1, 20.2, 25, 20, 40]
    total = run(load, [2, 2, 2, 2, 3, 3, 2], change_price=5, minimum_billed_minutes=4)
    assert total.minutes == 7
    assert total.requests == pytest.approx(165.3)
    assert total.failed == pytest.approx(10 + 0.1 + 0.2 + 5 + 20)
    assert total.billed == 16 + 2  # the machine that was removed after two minutes owes two more
    assert total.cost == pytest.approx(18 + 20 * 35.3 / 10 + 5 * 2)
    assert total.slo_minutes == 4
    assert total.longest_outage == 2  # 20.1 is below the threshold
    assert total.changes == 2


def test_an_outage_may_reach_both_ends():
    assert run([10, 30, 30, 30], [1, 1, 1]).longest_outage == 3
    assert run([1, 1, 1], [1, 1]).longest_outage == 0


def test_windows_add_up():
    first, second = run([10, 30, 30], [1, 1]), run([10, 30, 10, 30], [2, 1, 2])
    both = first + second
    assert both.minutes == 5
    assert both.cost == pytest.approx(first.cost + second.cost)
    assert both.longest_outage == 2


def test_figures():
    runs = {
        "policy": run([10, 20, 20], [2, 3]),
        "target_tracking_tuned": run([10, 20, 20], [4, 4]),
        "oracle": run([10, 20, 20], [2, 2]),
    }
    numbers = figures(runs)
    assert list(numbers["policy"]) == FIGURES
    policy = numbers["policy"]
    assert policy["failed_percent"] == 0
    assert policy["machine_hours"] == pytest.approx(5 / 60)
    assert policy["J"] == 5
    assert policy["J_over_oracle"] == 5 / 4
    assert policy["gap_closed"] == pytest.approx((8 - 5) / (8 - 4))
    assert policy["changes_per_day"] == 1 / 2 * 1440
    assert numbers["oracle"]["gap_closed"] == 1
    assert numbers["target_tracking_tuned"]["gap_closed"] == 0


def test_without_load_or_gap_figures_stay_finite():
    idle = run([0, 0, 0], [1, 1])
    numbers = figures({"policy": idle, "target_tracking_tuned": idle, "oracle": idle})
    assert numbers["policy"]["failed_percent"] == 0
    assert numbers["policy"]["J_over_oracle"] == 1
    assert numbers["policy"]["gap_closed"] is None
    alone = figures({"policy": idle})["policy"]
    assert alone["J_over_oracle"] is alone["gap_closed"] is None
    nothing = run([0, 0, 0], [0, 0], min_machines=0)
    costless = figures({"policy": idle, "target_tracking_tuned": idle, "oracle": nothing})
    assert json.loads(json.dumps(costless, allow_nan=False))["policy"]["J"] == 2


costs = st.floats(0, 1e12)


@given(st.lists(st.tuples(costs, costs), min_size=1, max_size=12), st.floats(0.5, 0.999))
def test_intervals_are_finite_and_ordered(pairs, confidence):
    policy, baseline = zip(*pairs, strict=True)
    interval = paired_interval(policy, baseline, confidence)
    if interval is None:
        assert sum(baseline) <= 1.1e-9 * (sum(baseline) + sum(policy))
        return
    assert sum(baseline) > 0
    assert np.isfinite(interval.saving)
    if len(pairs) == 1:
        assert interval.lower is interval.upper is None
    else:
        assert interval.lower <= interval.upper


def test_the_lower_end_is_the_bound_that_the_gate_computes():
    rng = np.random.default_rng(0)
    baseline = rng.uniform(90, 110, 9)
    policy = baseline * rng.uniform(0.8, 1.05, 9)
    bound = lower_bound((baseline - policy).tolist(), baseline.tolist(), confidence=0.9)
    assert paired_interval(policy, baseline, 0.9).lower == pytest.approx(bound)


def test_intervals_cover_the_true_saving_as_often_as_they_say():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        baseline = rng.gamma(20, 5, 40)
        policy = baseline * rng.normal(0.9, 0.1, 40)  # a saving of 10 %
        interval = paired_interval(policy, baseline, 0.95)
        covered += interval.lower <= 0.1 <= interval.upper
    assert 165 <= covered <= 194  # 90 %


def test_costs_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="as many values"):
        paired_interval([1.0, 2.0], [1.0])
    assert savings({"policy": [1.0, 1.0], "oracle": [0.0, 0.0]}) == {"oracle": None}


def test_the_gate_reads_an_evaluation():
    ours, theirs = run([10, 20, 20], [2, 3]), run([10, 20, 20], [4, 4])
    best = run([10, 20, 20], [2, 2])
    runs = {"policy": [ours] * 2, "target_tracking_tuned": [theirs] * 2, "oracle": [best] * 2}
    card = evaluation_scorecard(["a", "b"], runs)
    read = parse_scorecard(json.dumps(card, allow_nan=False).encode())
    assert read.metric == "J"
    assert read.values["policy"] == (5.0, 5.0)
    assert card["default_baseline"] == "best_tuned"
    assert read.resolve(None) == "target_tracking_tuned"  # the only tuned one
    assert card["unit"] == "machine-minutes"
    assert card["windows"] == ["a", "b"]
    assert card["policies"]["policy"]["J"] == 10
    assert card["policies"]["policy"]["gap_closed"] == 0.75
    assert card["savings"]["target_tracking_tuned"]["saving"] == pytest.approx(3 / 8)
