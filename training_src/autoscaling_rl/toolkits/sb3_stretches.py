"""Stretches of load for PPO that starts from hindsight: to train on, and held out for tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.controller.series import DAY
from autoscaling_rl.environments.dynamics import starting_machines
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.shared_loads import (
    SharedLoadFleets,
    Stretches,
    boot_times,
    join_stretches,
)
from autoscaling_rl.load.shapes import log_uniform
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions
from autoscaling_rl.toolkits.hindsight_series import TrainingSeries, draw_series
from autoscaling_rl.toolkits.hindsight_training import (
    CHANGE_PRICE,
    CHANGE_SHARE,
    LOG_CHANGE_PRICES,
    PRICE,
    PRICES,
)

TESTS_OF_A_LOAD, TEST_MINUTES = 2, DAY
# Of a recorded load's part for training: the rest, which is later, is held out for tests.
TRAINED_PART = 0.75


def training_pool(
    count: int, settings: AutoScalingSettings, seed: int, load_path: Path | None
) -> list[TrainingSeries]:
    """Return `count` loads to train on, drawn as toolkit hindsight draws them.

    A recorded load takes the share `HindsightOptions.own_share` of them.
    """
    rng, options = np.random.default_rng(seed), HindsightOptions(series=count)
    return list(draw_series(options, settings, rng, load_path, part=(0.0, TRAINED_PART)))


def held_out(
    count: int, settings: AutoScalingSettings, seed: int, load_path: Path | None
) -> Stretches:
    """Return two days, cut at random, of each of `count` loads, to test on.

    With another seed than the one of `training_pool` they are loads that training does not see.
    Few fleets can lose many times what there is to gain, so a mean over few loads says little.
    """
    rng, options = np.random.default_rng(seed), HindsightOptions(series=count)
    drawn = draw_series(options, settings, rng, load_path, part=(TRAINED_PART, 1.0))
    # Cut as they come: whole loads with their features would take a gigabyte.
    return join_stretches(
        [cut_stretches([each] * TESTS_OF_A_LOAD, settings, rng, TEST_MINUTES) for each in drawn]
    )


def draw_stretches(
    pool: list[TrainingSeries],
    settings: AutoScalingSettings,
    rng: np.random.Generator,
    count: int,
    minutes: int,
) -> Stretches:
    """Return `count` stretches of `minutes` of loads drawn from the pool."""
    places = rng.integers(0, len(pool), count)
    return cut_stretches([pool[place] for place in places], settings, rng, minutes)


def cut_stretches(
    chosen: list[TrainingSeries],
    settings: AutoScalingSettings,
    rng: np.random.Generator,
    minutes: int,
) -> Stretches:
    """Return a stretch of each of the loads, with prices and boot times drawn for it.

    The prices are those that toolkit hindsight trains on, since the bank asks the network at
    several ones. Boot times scatter and launches fail as the settings say, machine by machine,
    which the gradient in hindsight only approximates.
    """
    count = len(chosen)
    prices = np.array([log_uniform(rng, *PRICES) for _ in range(count)])
    changes = np.where(
        rng.random(count) < CHANGE_SHARE,
        np.exp(rng.uniform(*LOG_CHANGE_PRICES, count)),
        settings.change_price,
    )
    # From the second minute on, so that the load of the minute before is known. The end of a
    # recording that is too short is repeated.
    firsts = [1 + int(rng.integers(0, max(1, len(each.load) - minutes))) for each in chosen]
    rows = [
        np.minimum(first + np.arange(minutes), len(each.load) - 1)
        for first, each in zip(firsts, chosen, strict=True)
    ]
    features = np.stack([each.features[row] for row, each in zip(rows, chosen, strict=True)])
    features[:, :, PRICE] = np.log(prices / 20.0)[:, None]
    features[:, :, CHANGE_PRICE] = np.log1p(changes)[:, None]
    before = [float(each.load[first - 1]) for first, each in zip(firsts, chosen, strict=True)]
    return Stretches(
        features=features,
        load=np.stack([each.load[row] for row, each in zip(rows, chosen, strict=True)]),
        prices=prices,
        change_prices=changes,
        gains=np.array(
            [each.gain_at(price) for each, price in zip(chosen, prices, strict=True)], np.float64
        ),
        warmups=np.stack([boot_times(each.warmup, settings.warmup_spread) for each in chosen]),
        seeds=rng.integers(0, 2**31, count),
        clocks=rng.integers(0, 2**30, count),
        start=np.array([starting_machines(load, 1.0) for load in before], np.int64),
    )


def run_policy(
    policy: Policy, stretches: Stretches, settings: AutoScalingSettings
) -> NDArray[np.float64]:
    """Return minus the part of the gap that a policy leaves open in each stretch, unexplored.

    Args:
        policy: with the head "band_nearest"; it decides alone, without its bank.
        stretches: shape (stretches, minutes).
        settings: of the environment.

    Returns:
        Shape (stretches,).
    """
    outputs = np.stack([policy.outputs(rows) for rows in stretches.features], axis=1)
    fleets = SharedLoadFleets(stretches, settings, group=1)
    returns = np.zeros(len(stretches.load))
    for minute in range(stretches.minutes):
        returns += fleets.step(outputs[minute])
    return returns
