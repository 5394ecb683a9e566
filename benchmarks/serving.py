"""The endpoint side by side with the same server without a policy, and with FastAPI.

    python benchmarks/serving.py [--rounds 9]

Each round sends the same requests (one observation of 16 numbers, 2 x 64 units, over 32 kept
connections) to all contenders in turn. What is compared is the CPU time of the server's process,
the kernel's part included, as a ratio within a round; the table gives medians. Latency is measured
at half of the rate that a contender reached, with requests sent at fixed times whether or not
earlier ones were answered. The client is a process of its own, but on a machine of few cores it
takes from what it measures: only ratios within one run say something.
"""

import argparse
import asyncio
import contextlib
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

from autoscaling_rl.artifact import write_artifact  # noqa: E402
from autoscaling_rl.controller.policy import Policy  # noqa: E402

INPUTS, UNITS, ACTIONS = 16, 64, 3
CONNECTIONS, REQUESTS, ROWS = 32, 6000, 1000
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
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
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
    process = subprocess.Popen(
        [sys.executable, program, name, str(model)], stdout=subprocess.PIPE, text=True
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


class Client:
    """A kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        """Open the connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, content: bytes) -> None:
        """Send a request and read its answer, which must be 200."""
        self.writer.write(content)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await self.reader.readexactly(length)


async def flood(port: int, content: bytes, count: int, connections: int = CONNECTIONS) -> float:
    """Send requests as fast as they are answered, and return the seconds it took."""
    clients = [await Client.connect(port) for _ in range(connections)]

    async def work(client: Client) -> None:
        for _ in range(count // connections):
            await client.ask(content)

    begun = time.perf_counter()
    await asyncio.gather(*map(work, clients))
    took = time.perf_counter() - begun
    for client in clients:
        client.writer.close()
    return took


async def paced(port: int, content: bytes, rate: float, seconds: float) -> list[float]:
    """Send requests at fixed times, and return how long each answer took, waiting included."""
    free: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Client.connect(port))
    begun, latencies = time.perf_counter(), []  # type: float, list[float]

    async def ask(due: float) -> None:
        client = await free.get()
        await client.ask(content)
        latencies.append(time.perf_counter() - due)
        free.put_nowait(client)

    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*tasks)
    return latencies


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
    latencies = {
        name: await paced(running.port, one, rates[name] / 2, 5.0)
        for name, running in servers.items()
    }
    show(servers, costs, batches, rates, latencies, starts)


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
    latencies: dict[str, list[float]],
    starts: dict[str, list[float]],
) -> None:
    """Print the tables."""
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    print(
        "| server | CPU us/request | requests/s | p50 ms at half load | p99 | p99/p50"
        " | us/row of 1,000 | start s | MB |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name, running in servers.items():
        p50, p99 = (1e3 * float(np.quantile(latencies[name], share)) for share in (0.5, 0.99))
        print(
            f"| {name} | {statistics.median(costs[name]):.1f} | {rates[name]:.0f} | {p50:.2f}"
            f" | {p99:.2f} | {p99 / p50:.1f} | {statistics.median(batches[name]):.2f}"
            f" | {statistics.median(starts[name]):.2f} | {running.memory():.0f} |"
        )
    print(f"\nCPU per request, policy / without: {ratio(costs['policy'], costs['without'])}")
    print(f"CPU per request, policy / fastapi: {ratio(costs['policy'], costs['fastapi'])}")
    singles_per_row = ratio(costs["policy"], batches["policy"])
    print(f"CPU per observation, single / in a batch of 1,000: {singles_per_row}")
    print(f"Start to first 200, policy / without: {ratio(starts['policy'], starts['without'])}")


if __name__ == "__main__":
    main()
