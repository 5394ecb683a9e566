"""Steps per CPU-second of AutoScaling-v0 at 1,024 environments against three others, in one run.

    python benchmarks/vector_environment.py

Each round steps all of them in turn, with random actions drawn beforehand; what is compared is the
ratio within a round, by CPU time of one process on one core. `plain` is the readable environment
that the tests check the compiled one with, `numpy` the same profile batched with NumPy. The
compiled one is also measured over two whole episodes, load generation included, and its memory in a
process of its own.
"""

import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src"), str(ROOT / "benchmarks")]

import gymnasium  # noqa: E402
import numba  # noqa: E402
import numpy as np  # noqa: E402
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import autoscaling_rl.environments  # noqa: E402,F401 - registers AutoScaling-v0
from autoscaling_rl.environments.profiles import AutoScalingSettings  # noqa: E402

COUNT, ROUNDS = 1024, 31
OURS = "compiled, vectorised"


@dataclass(frozen=True)
class Contender:
    """One environment, or `count` of them, to be stepped.

    Attributes:
        step: takes the actions of a minute.
        steps: how often it is called in a round.
        count: environments that a call steps.
        actions: actions to choose from.
    """

    step: Callable[[Any], object]
    steps: int
    count: int
    actions: int = 7

    def draw(self, rng: np.random.Generator) -> list[Any]:
        """Return the actions of a round."""
        actions = rng.integers(0, self.actions, (self.steps, self.count))
        return list(actions) if self.count > 1 else list(actions[:, 0])

    def rate(self, actions: list[Any]) -> float:
        """Return environment steps per CPU-second."""
        started = time.process_time()
        for action in actions:
            self.step(action)
        return self.steps * self.count / (time.process_time() - started)


def main() -> None:
    """Run the benchmark and print its tables."""
    if sys.argv[1:] == ["--memory"]:
        print_memory()
        return
    check_numpy()
    rng, all_of_them = np.random.default_rng(0), contenders()
    for each in all_of_them.values():
        each.rate(each.draw(rng))
    rates = {name: np.zeros(ROUNDS) for name in all_of_them}
    for place in range(ROUNDS):
        for name, each in all_of_them.items():
            rates[name][place] = each.rate(each.draw(rng))
    print_rates(rates)
    print_episodes()
    done = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    print(done.stdout, end="")


def contenders() -> dict[str, Contender]:
    """Return what is measured, ready to be stepped."""
    from numpy_environment import NumpyEnvironment

    from tests.training_src.plain_environment import PlainEnvironment

    ours, poles, single = vector(), CartPoleVectorEnv(COUNT), gymnasium.make("AutoScaling-v0")
    plain = PlainEnvironment()
    for env in (ours, poles, single, plain):
        env.reset(seed=0)
    batched = NumpyEnvironment(COUNT, AutoScalingSettings())
    return {
        OURS: Contender(ours.step, 300, COUNT),
        "CartPoleVectorEnv": Contender(poles.step, 300, COUNT, actions=2),
        "numpy": Contender(batched.step, 10, COUNT),
        "plain": Contender(plain.step, 100, 1),
        "compiled, single": Contender(single.unwrapped.step, 400, 1),
    }


def check_numpy() -> None:
    """Compare the NumPy version with the compiled one where it leaves nothing out."""
    from numpy_environment import NumpyEnvironment

    settings: dict[str, Any] = {"warmup_spread": 0.0, "launch_failure_rate": 0.0}
    batched, ours = NumpyEnvironment(COUNT, AutoScalingSettings(**settings)), vector(**settings)
    ours.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions = rng.integers(0, 7, COUNT)
        expected, rewards, *_ = ours.step(actions)
        seen, earned = batched.step(actions)
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-4)
        np.testing.assert_allclose(earned, rewards, rtol=1e-5, atol=1e-3)


def vector(**settings: Any) -> gymnasium.vector.VectorEnv[Any, Any, Any]:  # noqa: ANN401 - its own
    """Return the vectorised environment as users make it."""
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=COUNT, vectorization_mode="vector_entry_point", **settings
    )


def print_rates(rates: dict[str, NDArray[np.float64]]) -> None:
    """Print rates and ratios as a Markdown table."""
    versions = [f"{module.__name__} {module.__version__}" for module in (np, numba, gymnasium)]
    print(f"{processor()}, one core, Python {platform.python_version()}, {', '.join(versions)}\n")
    print(f"| environment | steps per CPU-second | {OURS} / this | middle half | range |")
    print("|---|---|---|---|---|")
    for name, each in rates.items():
        low, first, middle, third, high = np.quantile(rates[OURS] / each, (0, 0.25, 0.5, 0.75, 1))
        spread = f"{first:,.2f} to {third:,.2f} | {low:,.2f} to {high:,.2f}"
        print(f"| {name} | {np.median(each):,.0f} | {middle:,.2f} | {spread} |")


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def print_episodes() -> None:
    """Print the rate over two whole episodes, resets included."""
    env = vector()
    actions = np.random.default_rng(1).integers(0, 7, (64, COUNT))
    minutes = AutoScalingSettings().episode_minutes
    started = time.process_time()
    env.reset(seed=1)
    for index in range(2 * minutes):
        env.step(actions[index % 64])
    spent = time.process_time() - started
    rate = 2 * minutes * COUNT / spent
    print(f"\nOver two whole episodes, generation of load included: {rate:,.0f} per CPU-second")


def print_memory() -> None:
    """Print the largest resident memory of a process that steps the environment alone."""
    env = vector()
    env.reset(seed=0)
    for _ in range(100):
        env.step(np.full(COUNT, 3))
    # Not getrusage: a child inherits its parent's peak there.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(f"Memory of a process that steps it: {peak / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
