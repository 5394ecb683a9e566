"""The endpoint side by side with the same server without a policy, and with FastAPI.

    python benchmarks/serving.py [--rounds 9]

Each round sends the same requests (one observation of 16 numbers, 2 x 64 units, over 32 kept
connections) to all contenders in turn. What is compared is the CPU time of the server's process,
the kernel's part included, as a ratio within a round; the table gives medians. Latency is measured
at half of the rate that a contender reached, with requests sent at fixed times whether or not
earlier ones were answered. Servers have the last core for themselves and the client the others, but
a machine pauses both: of the quarters of a second of the measurement the table gives the median one
as well, which few pauses cannot change.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

import numpy as np  # noqa: E402
import uvloop  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from autoscaling_rl.artifact import write_artifact  # noqa: E402
from autoscaling_rl.controller.policy import Policy  # noqa: E402
from benchmarks.options import from_on  # noqa: E402
from benchmarks.serving_client import flood, paced  # noqa: E402
from benchmarks.serving_contenders import SERVERS_CORE  # noqa: E402

INPUTS, UNITS, ACTIONS = 16, 64, 3
REQUESTS, ROWS = 6000, 1000
QUARTER = 0.25  # seconds
PAUSE = 2e-4  # seconds
NAMES = ("policy", "without", "fastapi")


@dataclass(frozen=True)
class Server:
    """A contender's process.

    Attributes:
        pid: its number.
        port: where it listens, on loopback.
        started: seconds until /ping answered 200.
    """

    pid: int
    port: int
    started: float

    def cpu(self) -> float:
        """Return CPU-seconds so far, the kernel's included."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def memory(self) -> float:
        """Return the resident memory in MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=from_on(1), default=9)
    rounds = parser.parse_args().rounds
    if others := os.sched_getaffinity(0) - {SERVERS_CORE}:
        os.sched_setaffinity(0, others)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        write_model(model)
        starts = {name: [] for name in NAMES}  # type: dict[str, list[float]]
        for _ in range(rounds):
            for name in NAMES:
                with server(name, model) as running:
                    starts[name].append(running.started)
        with contextlib.ExitStack() as stack:
            servers = {name: stack.enter_context(server(name, model)) for name in NAMES}
            uvloop.run(measure(servers, starts, rounds))


def write_model(folder: Path) -> None:
    """Write an artifact with an untrained network of the usual size."""
    rng = np.random.default_rng(0)
    sizes = (INPUTS, UNITS, UNITS, ACTIONS)
    policy = Policy(
        weights=tuple(rng.normal(size=pair).astype(np.float32) / 8 for pair in pairwise(sizes)),
        biases=tuple(rng.normal(size=size).astype(np.float32) for size in sizes[1:]),
        head="discrete",
    )
    write_artifact(
        folder,
        policy=policy,
        environment={"id": "CartPole-v1"},
        preset={},
        seed=0,
        golden_observations=rng.normal(size=(100, INPUTS)).astype(np.float32),
        figures={},
    )


@contextlib.contextmanager
def server(name: str, model: Path) -> Iterator[Server]:
    """Run a contender until /ping answers, and end it afterwards."""
    begun = time.perf_counter()
    program = str(ROOT / "benchmarks" / "serving_contenders.py")
    # As a user starts it: what Python compiled once it keeps.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, program, name, str(model)], stdout=subprocess.PIPE, text=True, env=kept
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        while asyncio.run(ping(port)) != 200:
            time.sleep(0.005)
        yield Server(process.pid, port, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


async def ping(port: int) -> int:
    """Return the status of /ping."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


def request(rows: int) -> bytes:
    """Return a whole request with some observations."""
    observations = np.random.default_rng(rows).normal(size=(rows, INPUTS)).round(4).tolist()
    body = json.dumps({"observations": observations}).encode()
    head = (
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def measure(servers: dict[str, Server], starts: dict[str, list[float]], rounds: int) -> None:
    """Measure all contenders in turn, and print."""
    one, many = request(1), request(ROWS)
    costs = {name: [] for name in servers}  # type: dict[str, list[float]]
    batches = {name: [] for name in servers}  # type: dict[str, list[float]]
    rates = dict.fromkeys(servers, 0.0)
    for running in servers.values():  # warm
        await flood(running.port, one, 640)
    for _ in range(rounds):
        for name, running in servers.items():
            before = running.cpu()
            took = await flood(running.port, one, REQUESTS)
            costs[name].append((running.cpu() - before) / REQUESTS * 1e6)
            rates[name] = max(rates[name], REQUESTS / took)
            before = running.cpu()
            await flood(running.port, many, 160, connections=4)
            batches[name].append((running.cpu() - before) / 160 / ROWS * 1e6)
    gc.freeze()
    latencies = {name: [] for name in servers}  # type: dict[str, list[NDArray[np.float64]]]
    for _ in range(4):
        for name, running in servers.items():
            each = np.array(paced(running.port, one, rates[name] / 2, 8 * QUARTER))
            latencies[name] += np.array_split(1e3 * each, 8)
    show(servers, costs, batches, rates, starts)
    show_latencies(latencies)


def ratio(left: Sequence[float], right: Sequence[float]) -> str:
    """Return the median ratio of two contenders within a round, and its middle half."""
    ratios = sorted(a / b for a, b in zip(left, right, strict=True))
    low, middle, high = (np.quantile(ratios, share) for share in (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def show(
    servers: dict[str, Server],
    costs: dict[str, list[float]],
    batches: dict[str, list[float]],
    rates: dict[str, float],
    starts: dict[str, list[float]],
) -> None:
    """Print what requests cost."""
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    print(
        "| server | CPU us/request | requests/s | us/row of 1,000 | start s | MB |\n"
        "|---|---|---|---|---|---|"
    )
    for name, running in servers.items():
        print(
            f"| {name} | {statistics.median(costs[name]):.1f} | {rates[name]:.0f}"
            f" | {statistics.median(batches[name]):.2f} | {statistics.median(starts[name]):.2f}"
            f" | {running.memory():.0f} |"
        )
    print(f"\nCPU per request, policy / without: {ratio(costs['policy'], costs['without'])}")
    print(f"CPU per request, policy / fastapi: {ratio(costs['policy'], costs['fastapi'])}")
    singles_per_row = ratio(costs["policy"], batches["policy"])
    print(f"CPU per observation, single / in a batch of 1,000: {singles_per_row}")
    print(f"Start to first 200, policy / without: {ratio(starts['policy'], starts['without'])}\n")


def show_latencies(latencies: dict[str, list[NDArray[np.float64]]]) -> None:
    """Print how long answers took, in ms, and how long this machine keeps anybody waiting."""
    print(
        "| server | p50 ms at half load | p99 | p99/p50 | median quarter of a second: p50 | p99 |"
        " p99/p50 |\n|---|---|---|---|---|---|---|"
    )
    for name, parts in latencies.items():
        p50, p99 = np.quantile(np.concatenate(parts), (0.5, 0.99))
        quarters = np.array([np.quantile(each, (0.5, 0.99)) for each in parts])
        low, high = np.median(quarters, axis=0)
        share = np.median(quarters[:, 1] / quarters[:, 0])
        print(
            f"| {name} | {p50:.2f} | {p99:.2f} | {p99 / p50:.1f} | {low:.2f} | {high:.2f}"
            f" | {share:.1f} |"
        )
    waited, longest = pauses(5.0)
    print(
        f"\nA process that only looks at the clock, on the servers' core: {waited:.2%} of the time"
        f" in pauses of over {1e3 * PAUSE:g} ms, the longest {1e3 * longest:.1f} ms"
    )


def pauses(seconds: float) -> tuple[float, float]:
    """Return the share of the time that passes unseen in pauses on an idle core, and the longest.

    Of requests that come at any time, that share comes upon a pause whatever the server does.
    """
    os.sched_setaffinity(0, {SERVERS_CORE})
    waited = longest = 0.0
    begun = before = time.perf_counter()
    while before < begun + seconds:
        now = time.perf_counter()
        if now - before > PAUSE:
            waited, longest = waited + now - before, max(longest, now - before)
        before = now
    return waited / seconds, longest


if __name__ == "__main__":
    main()
