"""The autoscalers by name, and the choice of their knobs on past load."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from autoscaling_rl.baselines import peak_hold, seasonal, target_tracking
from autoscaling_rl.baselines.hpa import hpa
from autoscaling_rl.baselines.oracle import oracle
from autoscaling_rl.baselines.predictive import predictive
from autoscaling_rl.baselines.static_best import static_best
from autoscaling_rl.baselines.step_scaling import step_scaling
from autoscaling_rl.baselines.window import Trajectory, Window

Knobs = tuple[float, ...]
DEFAULT = "target_tracking_tuned"
ORACLE = "oracle"


@dataclass(frozen=True)
class Baseline:
    """An autoscaler.

    Attributes:
        prepare: makes for a window the function of the knobs that runs the autoscaler on it.
        knobs: names of the knobs.
        grid: values to tune them over; a single one is fixed.
    """

    prepare: Callable[[Window], Callable[..., Trajectory]]
    knobs: tuple[str, ...] = ()
    grid: tuple[Knobs, ...] = ((),)

    @property
    def tuned(self) -> bool:
        """Whether knobs are chosen on the history."""
        return len(self.grid) > 1

    def tune(self, history: Window) -> Knobs:
        """Return the knobs with the least J on `history`, the first of equals."""
        if not self.tuned:
            return self.grid[0]
        run = self.prepare(history)
        return min(self.grid, key=lambda knobs: run(*knobs).cost(history.rules))

    def run(self, window: Window, knobs: Knobs) -> Trajectory:
        """Run the autoscaler over the window."""
        return self.prepare(window)(*knobs)


_TARGET = ("target",)
_TARGETS = tuple((target,) for target in target_tracking.TARGETS)
_SEASONAL = tuple((headroom,) for headroom in seasonal.HEADROOMS)
_PEAK_HOLD = tuple(product(map(float, peak_hold.MINUTES), peak_hold.HEADROOMS))

BASELINES: dict[str, Baseline] = {
    "static_best": Baseline(lambda window: lambda: static_best(window)),
    "step_scaling": Baseline(lambda window: lambda: step_scaling(window)),
    "target_tracking_60": Baseline(target_tracking.target_tracking, _TARGET, ((0.6,),)),
    "target_tracking_tuned": Baseline(target_tracking.target_tracking, _TARGET, _TARGETS),
    "hpa_tuned": Baseline(hpa, _TARGET, _TARGETS),
    "predictive_tuned": Baseline(predictive, _TARGET, _TARGETS),
    "seasonal_tuned": Baseline(seasonal.seasonal, ("headroom",), _SEASONAL),
    "peak_hold_tuned": Baseline(peak_hold.peak_hold, ("minutes", "headroom"), _PEAK_HOLD),
}


@dataclass(frozen=True)
class BaselineRun:
    """A baseline's run over a window.

    Attributes:
        trajectory: what happened.
        knobs: knobs that were chosen on the history, by name.
    """

    trajectory: Trajectory
    knobs: dict[str, float]


def run_baselines(window: Window, *, history: Window | None = None) -> dict[str, BaselineRun]:
    """Tune every baseline on the history of a window and run it over the window.

    Args:
        window: the window.
        history: the window to tune on; None: `window.tuning()`.

    Returns:
        Runs by name, `oracle` last.

    Raises:
        UserError: there is no history.
    """
    history = history or window.tuning()
    runs = {}
    for name, baseline in BASELINES.items():
        knobs = baseline.tune(history)
        named = dict(zip(baseline.knobs, knobs, strict=True))
        runs[name] = BaselineRun(baseline.run(window, knobs), named)
    runs[ORACLE] = BaselineRun(oracle(window), {})
    return runs
