"""Windows and back-tests as reports show them."""

from datetime import UTC, datetime

import numpy as np

from autoscaling_rl.backtest import backtest
from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Trajectory, Window
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.load.file import Gap, Load
from autoscaling_rl.report import Example


def example(minutes=2880, *, scale=20.0, name="seed 0", **clock):
    """Return a window with a sudden rise in its middle that two fixed fleets cannot serve."""
    load = np.full(60 + minutes, scale * 250.0)
    load[60 + minutes // 2 :][:30] *= 1.5
    window = Window(load, 60, make_rules(capacity=250.0))
    runs = {
        run: replay_need(window, np.full(minutes, machines))
        for run, machines in (("policy", 24.0), ("target_tracking_tuned", 26.0), ("oracle", 30.0))
    }
    return Example.of(name, window, runs, **clock)


def back_test(**settings):
    """Return a back-test over the last two of four days, of a policy that tracks the load."""
    minutes = np.arange(4 * 1440)
    rates = 5000.0 + 2000.0 * np.sin(2 * np.pi * minutes / 1440)
    start = datetime(2024, 5, 31, tzinfo=UTC)
    load = Load(start, 5, rates, "interpolate", (Gap(7, start, 15),))

    def policy(window: Window, start: datetime) -> Trajectory:
        return replay_need(window, window.requests / window.rules.capacity)

    return backtest(load, BacktestSettings(**settings), policy)
