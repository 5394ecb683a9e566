"""Steps per CPU-second of AutoScaling-v0 at 1,024 environments against three others, in one run.

    python benchmarks/vector_environment.py

Each round steps all of them in turn; what is compared is the ratio within a round, by CPU time of
one process on one core. `plain` is the readable environment that the tests check the compiled one
with, `numpy` the same profile batched with NumPy. The compiled one is also measured over two whole
episodes, load generation included, and its memory in a process of its own.
"""

import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src"), str(ROOT / "benchmarks")]

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv  # noqa: E402

import autoscaling_rl.environments  # noqa: E402,F401 - registers AutoScaling-v0

COUNT, ROUNDS = 1024, 15


def main() -> None:
    """Run the benchmark and print its tables."""
    if sys.argv[1:] == ["--memory"]:
        print_memory()
        return
    from numpy_environment import NumpyEnvironment

    from tests.training_src.plain_environment import PlainEnvironment

    rng = np.random.default_rng(0)
    levels, sides = rng.integers(0, 7, (64, COUNT)), rng.integers(0, 2, (64, COUNT))
    ours, poles = vector(), CartPoleVectorEnv(num_envs=COUNT)
    ours.reset(seed=0)
    poles.reset(seed=0)
    batched, plain, one = NumpyEnvironment(COUNT), PlainEnvironment(), single()
    plain.reset(seed=0)
    one.reset(seed=0)
    runs: dict[str, tuple[Callable[[int], object], int, int]] = {
        "compiled, vectorised": (lambda index: ours.step(levels[index % 64]), 60, COUNT),
        "CartPoleVectorEnv": (lambda index: poles.step(sides[index % 64]), 60, COUNT),
        "numpy": (lambda index: batched.step(levels[index % 64]), 10, COUNT),
        "plain": (lambda index: plain.step(levels[index % 64, 0]), 60, 1),
        "compiled, single": (lambda index: one.step(levels[index % 64, 0]), 200, 1),
    }
    for step, _, _ in runs.values():
        step(0)
    rates = {name: np.zeros(ROUNDS) for name in runs}
    for place in range(ROUNDS):
        for name, (step, steps, count) in runs.items():
            rates[name][place] = rate(step, steps, count)
    print_rates(rates)
    print_episodes()
    done = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    print(done.stdout, end="")


def vector(**settings: object) -> gymnasium.vector.VectorEnv:
    """Return the vectorised environment as users make it."""
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=COUNT, vectorization_mode="vector_entry_point", **settings
    )


def single() -> gymnasium.Env:
    """Return the single environment without wrappers."""
    return gymnasium.make("AutoScaling-v0").unwrapped


def rate(step: Callable[[int], object], steps: int, count: int) -> float:
    """Return environment steps per CPU-second."""
    started = time.process_time()
    for index in range(steps):
        step(index)
    return steps * count / (time.process_time() - started)


def print_rates(rates: dict[str, np.ndarray]) -> None:
    """Print rates and ratios as a Markdown table."""
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, one core\n")
    print("| environment | steps per CPU-second | compiled, vectorised / this: median (range) |")
    print("|---|---|---|")
    ours = rates["compiled, vectorised"]
    for name, each in rates.items():
        ratio = ours / each
        spread = f"{np.median(ratio):,.2f} ({ratio.min():,.2f} to {ratio.max():,.2f})"
        print(f"| {name} | {np.median(each):,.0f} | {spread} |")


def print_episodes() -> None:
    """Print the rate over two whole episodes, resets included."""
    env = vector()
    actions = np.random.default_rng(1).integers(0, 7, (64, COUNT))
    minutes = env.unwrapped.simulation.settings.episode_minutes
    started = time.process_time()
    env.reset(seed=1)
    for index in range(2 * minutes):
        env.step(actions[index % 64])
    spent = time.process_time() - started
    print(f"\nOver two whole episodes, load included: {2 * minutes * COUNT / spent:,.0f} a second")


def print_memory() -> None:
    """Print the largest resident memory of a process that steps the environment alone."""
    env = vector()
    env.reset(seed=0)
    for _ in range(100):
        env.step(np.full(COUNT, 3))
    # Not getrusage: a child inherits its parent's peak there.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(f"Memory: {peak / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
