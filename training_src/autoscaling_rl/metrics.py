"""What a job reports while it runs: metric lines, TensorBoard events and progress.

The lines on standard output match the metric definitions in `metrics.json` (CloudWatch) and both
sets that the SageMaker SDK's RLEstimator shipped; every line is flushed: metrics are live.
"""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from autoscaling_rl.errors import UserError
from autoscaling_rl.event_files import EventFile
from autoscaling_rl.progress import Progress

DEFINITIONS = Path(__file__).parents[1] / "metrics.json"
AGENT = "main_level/agent"

# The project's own metrics, printed as `name: value`, beside those that RLEstimator knew.
NAMES = (
    "episode_reward_mean",
    "episode_reward_max",
    "environment_steps",
    "steps_per_second",
    "loss",
    "policy_loss",
    "value_loss",
    "entropy",
    "approximate_kl",
    "explained_variance",
    "learning_rate",
    "failed_percent",
    "machine_hours",
    "J",
    "J_over_oracle",
    "gap_closed",
)


class Reporter:
    """Metric lines, event files and the progress bar of one job.

    Use it as a context manager, which closes the event file and the bar.

    Args:
        tensorboard: folder of the event files; None: none are written.
        output: where metric lines go; None: standard output.
        messages: where progress goes; None: standard error.
    """

    def __init__(
        self,
        *,
        tensorboard: Path | None = None,
        output: TextIO | None = None,
        messages: TextIO | None = None,
    ) -> None:
        self._output = output
        self._messages = messages
        self._events = EventFile(tensorboard) if tensorboard else None
        self._progress: Progress | None = None

    def __enter__(self) -> "Reporter":
        """Return the reporter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close event file and bar, whatever happened."""
        self.close()

    def start(self, total: int, *, done: int = 0, unit: str = "step") -> None:
        """Show progress from now on.

        Args:
            total: what there is to do, in `unit`.
            done: what a resumed job did before.
            unit: what is counted.
        """
        self._progress = Progress(total, done=done, unit=unit, stream=self._messages)

    def advance(self, done: int) -> None:
        """Say how much of the total is done by now."""
        if self._progress:
            self._progress.show(done)

    def training(self, *, episode: int, total_reward: float, step: int) -> None:
        """Report training episodes: their number so far and the mean return of the newest ones."""
        self._reward("Training", episode, total_reward, step)

    def testing(self, *, episode: int, total_reward: float, step: int) -> None:
        """Report test episodes of the deterministic policy: their number and their mean return."""
        self._reward("Testing", episode, total_reward, step)

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Print one line per metric and write it to the event file.

        Values that are not finite are left away, since no chart can show them.

        Args:
            values: by name, each one of `NAMES`.
            step: steps of the environment so far.
        """
        for name, value in values.items():
            if name not in NAMES:
                raise ValueError(f"metric {name!r} is not in metrics.NAMES")
            if math.isfinite(value):
                self._print(f"{name}: {number(value)}")
                self._event(name, value, step)

    def message(self, text: str) -> None:
        """Tell people something, on standard error."""
        stream = self._messages or sys.stderr
        if self._progress:
            self._progress.clear()
        print(text, file=stream, flush=True)

    def close(self) -> None:
        """Finish the bar and flush the event file."""
        if self._progress:
            self._progress.close()
            self._progress = None
        if self._events:
            self._events.close()
            self._events = None

    def _reward(self, phase: str, episode: int, total_reward: float, step: int) -> None:
        if not math.isfinite(total_reward):
            raise UserError(
                f"the return of {phase.lower()} episodes is {total_reward} at step {step}: lower"
                " training.learning_rate, or look for what the environment divides by"
            )
        self._print(
            f"{phase}> Name={AGENT}, Episode={episode}, Total reward={number(total_reward)},"
            f" Steps={step}"
        )
        self._event(f"{phase.lower()}_reward", total_reward, step)

    def _print(self, line: str) -> None:
        if self._progress:
            self._progress.clear()
        print(line, file=self._output or sys.stdout, flush=True)

    def _event(self, name: str, value: float, step: int) -> None:
        if self._events:
            self._events.add(name, value, step)


def number(value: float) -> str:
    """Return a number as metric definitions read it: six significant digits, no NaN."""
    return f"{value:.6g}"


def definitions() -> list[dict[str, str]]:
    """Return the metric definitions of the bundle as SageMaker wants them: "Name" and "Regex"."""
    content: list[dict[str, str]] = json.loads(DEFINITIONS.read_text(encoding="utf-8"))
    return content
