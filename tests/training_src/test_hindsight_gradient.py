"""J and its gradient through the dynamics: against fleets machine by machine, and differences."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.toolkits.hindsight_gradient import hindsight_gradient
from tests.training_src.plain_dynamics import PlainFleet

pytestmark = pytest.mark.kernels


def differentiate(wanted, spread, load, warmups, *, prices, changes=0.0, weights=1.0, minimum=0):
    """Return J of each window, and the gradient with respect to `wanted` and `spread`."""
    windows, minutes = wanted.shape
    gradient, costs = np.full((2, windows, minutes), np.nan), np.full(windows, np.nan)
    hindsight_gradient(
        wanted, spread, load, np.asarray(warmups), np.broadcast_to(prices, windows).astype(float),
        np.broadcast_to(changes, windows).astype(float), minimum,
        np.broadcast_to(weights, windows).astype(float),
        np.full((4, minutes), np.nan), gradient, costs,
    )  # fmt: skip
    return costs, gradient


def plain_cost(wanted, keep, load, warmup, *, price, change_price, minimum):
    """Return J of a fleet that moves into whole bands, machine by machine."""
    rules = make_rules(capacity=1.0, min_machines=0, warmups=warmup, minimum_billed_minutes=minimum)
    fleet = PlainFleet.of(wanted[0], rules)
    total = 0.0
    for minute, (low, high) in enumerate(zip(wanted, keep, strict=True)):
        desired = min(max(len(fleet.machines), low), high)
        happened = fleet.step(minute, desired, load[minute])
        total += happened.active + happened.pending + happened.owed
        total += price * happened.failed
        total += change_price * happened.changed
    return total


bands = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=30)


@settings(max_examples=50)
@given(
    bands, st.lists(st.integers(0, 7), min_size=1, max_size=3), st.sampled_from((0, 9)), st.data()
)
def test_j_is_that_of_fleets_machine_by_machine(band, warmups, minimum, data):
    wanted, spread = np.array(band).T
    keep, price, change_price = wanted + spread, data.draw(st.floats(1, 50)), 2.5
    load = np.array(data.draw(st.lists(st.floats(0, 12), min_size=len(band), max_size=len(band))))
    costs, _ = differentiate(
        np.log1p(wanted.astype(float))[None],
        (np.log1p(keep) - np.log1p(wanted))[None],
        load[None],
        [warmups],
        prices=price,
        changes=change_price,
        minimum=minimum,
    )
    # Scattered warm-ups are equally likely ones.
    edges = wanted.tolist(), keep.tolist(), load.tolist()
    prices = {"price": price, "change_price": change_price, "minimum": minimum}
    assert costs[0] == pytest.approx(np.mean([plain_cost(*edges, w, **prices) for w in warmups]))


def draw(seed, *, windows=1, minutes=24):
    """Return random bands and loads, away from kinks."""
    rng = np.random.default_rng(seed)
    wanted = np.log1p(rng.uniform(2, 12, (windows, minutes)))
    spread = rng.uniform(0.02, 0.6, (windows, minutes))
    return wanted, spread, rng.uniform(0, 14, (windows, minutes))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("changes", "minimum"), [(0.0, 0), (3.0, 0), (0.0, 5), (3.0, 60)])
@pytest.mark.parametrize("warmups", [[0], [4], [1, 2, 3, 5, 11]])
def test_the_gradient_is_that_of_finite_differences(seed, changes, minimum, warmups):
    wanted, spread, load = draw(seed)
    keywords = {"prices": 7.0, "changes": changes, "minimum": minimum}
    _, gradient = differentiate(wanted, spread, load, [warmups], **keywords)
    step = 1e-6
    for place, values in enumerate((wanted, spread)):
        for minute in range(values.shape[1]):
            costs = []
            for sign in (1, -1):
                values[0, minute] += sign * step
                costs.append(differentiate(wanted, spread, load, [warmups], **keywords)[0][0])
                values[0, minute] -= sign * step
            expected = (costs[0] - costs[1]) / (2 * step)
            assert gradient[place, 0, minute] == pytest.approx(expected, abs=1e-5)


def test_the_gradient_is_that_of_automatic_differentiation():
    torch = pytest.importorskip("torch")
    wanted, spread, load = draw(5, windows=3, minutes=30)
    warmups, prices = [[3, 3, 9], [0, 0, 0], [1, 5, 20]], [5.0, 20.0, 80.0]
    changes, weights = [0.0, 1.0, 4.0], [1.0, 0.5, 2.0]
    costs, gradient = differentiate(
        wanted, spread, load, warmups, prices=prices, changes=changes, weights=weights
    )
    low, more = (torch.tensor(each, requires_grad=True) for each in (wanted, spread))
    for window in range(3):
        lows, highs = torch.exp(low[window]) - 1, torch.exp(low[window] + more[window]) - 1
        fleet = [lows[0]]
        for minute in range(1, 30):
            moved = torch.maximum(fleet[-1], lows[minute])
            fleet.append(torch.minimum(moved, highs[minute]))
        total = sum(fleet)
        for before, after in pairwise(fleet):
            total = total + changes[window] * (after - before).abs()
        for warmup in warmups[window]:
            for minute in range(30):
                serving = torch.stack(fleet[max(0, minute - warmup) : minute + 1]).min()
                failed = torch.relu(load[window, minute] - serving)
                total = total + prices[window] / 3 * failed
        assert costs[window] == pytest.approx(float(total.detach()))
        (weights[window] * total).backward()
    assert gradient[0] == pytest.approx(low.grad.numpy(), abs=1e-9)
    assert gradient[1] == pytest.approx(more.grad.numpy(), abs=1e-9)


def test_single_precision_is_near_double_precision():
    wanted, spread, load = draw(6, windows=2, minutes=40)
    expected = differentiate(wanted, spread, load, [[2, 6]] * 2, prices=20.0, changes=1.0)
    gradient, costs = np.empty((2, 2, 40), np.float32), np.empty(2)
    ones = np.ones(2, np.float32)
    hindsight_gradient(
        *(each.astype(np.float32) for each in (wanted, spread, load)),
        np.array([[2, 6]] * 2), 20 * ones, ones, 0, ones, np.empty((4, 40)), gradient, costs,
    )  # fmt: skip
    assert costs == pytest.approx(expected[0], rel=1e-5)
    assert gradient == pytest.approx(expected[1], rel=1e-4, abs=1e-4)


def test_a_band_that_holds_a_fleet_passes_the_slope_to_the_minute_that_set_it():
    # Ten machines are wanted once, and worth keeping from then on: each costs every minute.
    wanted = np.log1p([[10.0, 1.0, 1.0, 1.0]])
    spread = np.full((1, 4), 5.0)
    costs, gradient = differentiate(wanted, spread, np.zeros((1, 4)), [[1]], prices=20.0)
    assert costs == pytest.approx([40.0])
    assert gradient[0, 0] == pytest.approx([4 * 11.0, 0, 0, 0])
    assert not gradient[1].any()
