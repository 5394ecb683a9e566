"""AutoScaling-v0, one fleet."""

from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay, Simulation

FloatArray = NDArray[np.float32]

BOUND = 25.0  # logs of machine counts and of ratios stay far below it


class AutoScalingEnv(gymnasium.Env[FloatArray, np.int64]):
    """Match the number of machines to a load, although machines take minutes to start.

    ## Description
    Every step is one minute. Load arrives with daily and weekly variation, level drift, noise and
    spikes. Machines in service handle `capacity` requests a minute each; what exceeds them fails. A
    machine is billed from request to removal, but serves only after a warm-up of random length, and
    some launches fail. The objective is the least cost J = machine-minutes + `failure_price` x
    failed load in machine-minutes + `change_price` x machines added or removed.

    ## Action Space
    `Discrete(len(levels))`: the number of machines to add (positive) or to remove, by default one
    of -10, -3, -1, 0, 1, 3, 10. `levels=(-1, 0, 1)` is the classic set. With `actions="desired"` it
    is `Discrete(1001)`: the number of machines wanted, in service and on their way. Removal is
    instant and takes the newest machines first, those on their way before those in service.

    ## Observation Space
    `Box(-25, 25, (37,), float32)`; demand is log(1 + load / capacity), and machines, lags, means,
    peaks and forecasts are given relative to the level: the mean demand of the last three minutes.
    The names in order are `autoscaling_rl.controller.observation.NAMES`:

    | numbers | what |
    |---|---|
    | 0-1 | present level of demand; log(1 + machines in service and on their way) |
    | 2-5 | machines in service, all machines, machines due soon; failed share of the last minute |
    | 6-20 | demand 1 to 60 minutes ago; means, peaks, roughness, steepest rise of the last hour |
    | 21-28 | level-corrected forecasts by yesterday and by last week, with flags whether known |
    | 29-30 | the mean of these forecasts, and of their peaks, for the next warm-up |
    | 31-34 | sine and cosine of the time of day and of week |
    | 35-36 | log(failure price / 20); nominal warm-up / 10 minutes |

    The profile `sample` has the 25 numbers of AWS's sample: running averages at five rates of load,
    failures, being down and machines, then the machines due in each of the next five minutes.

    ## Rewards
    In machine-minutes: `revenue` x served load - machines billed - failures - changes. A failed
    machine-minute costs `failure_price` in all, the lost revenue included, so that an episode's
    return is `revenue` x load / capacity - J. A minute with more than `down_threshold` of its load
    failed costs `down_penalty` on top (`default`: 0; `sample`: 200 dollars at 0.5 %).

    ## Starting State
    A fresh load with more than a week of history, at a random time of the week. The fleet serves
    the last minute's load at 60 % utilisation (`sample`: 50 machines).

    ## Episode End
    Never terminates; truncated after `episode_minutes`.

    ## Arguments
    The fields of `AutoScalingSettings`, and `load_path`, a CSV file to cut episodes from instead of
    generating load; its last third, at most 14 days, is left for evaluation.

    ## Vectorized
    `gymnasium.make_vec("AutoScaling-v0", num_envs=n, vectorization_mode="vector_entry_point")`
    steps all fleets in one compiled kernel.

    ## Version History
    v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
        *,
        load_path: str | None = None,
        render_mode: str | None = None,
        **settings: Any,  # noqa: ANN401 - checked by AutoScalingSettings
    ) -> None:
        """Make the environment; `settings` are the fields of `AutoScalingSettings`."""
        if render_mode is not None:
            raise ValueError("AutoScaling-v0 has no render mode: leave render_mode out")
        self.render_mode = None
        replay = Replay.of(load_path) if load_path else None
        self.simulation = Simulation(1, AutoScalingSettings.of(**settings), replay)
        spaces_of_one = make_spaces(self.simulation)
        self.observation_space = cast(spaces.Space[FloatArray], spaces_of_one[0])
        self.action_space = spaces_of_one[1]
        self._action = np.zeros(1, np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin an episode under a fresh load; the seed fixes the load, boot times and failures."""
        super().reset(seed=seed)
        self.simulation.reset([0], [self.np_random])
        return self._observation(), self._info()

    def step(self, action: np.int64) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Apply the action and serve one minute of load."""
        if not self.action_space.contains(action):
            raise ValueError(f"action {action} is not in {self.action_space}")
        self._action[0] = action
        simulation = self.simulation
        simulation.step(self._action)
        reward = float(simulation.rewards[0])
        return self._observation(), reward, False, bool(simulation.ended[0]), self._info()

    def _observation(self) -> FloatArray:
        return self.simulation.observations[:, 0].copy()

    def _info(self) -> dict[str, Any]:
        simulation = self.simulation
        fleet = simulation.fleets[0]
        billed, failed, changed, down = simulation.totals[0]
        return {
            "load": float(simulation.load[(simulation.minute - 1) % simulation.rows, 0]),
            "in_service": int(fleet[dynamics.IN_SERVICE]),
            "on_their_way": int(fleet[dynamics.ON_THEIR_WAY]),
            "billed_minutes": float(billed),
            "failed_minutes": float(failed),
            "changed_machines": float(changed),
            "down_minutes": float(down),
        }


def make_spaces(simulation: Simulation) -> tuple[spaces.Box, spaces.Discrete]:
    """Return observation and action space of one fleet."""
    size = len(simulation.observations)
    observation = spaces.Box(-BOUND, BOUND, (size,), np.float32)
    return observation, spaces.Discrete(simulation.actions)
