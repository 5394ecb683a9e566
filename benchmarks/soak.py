"""Ten minutes of good, bad and hostile requests to one endpoint, and what became of each kind.

    python benchmarks/soak.py [--minutes 10] [--clients 8] [MODEL_DIR]

Without a model an untrained one of AutoScaling-v0 is made, with a bank. Clients pick a kind at
random, again and again. At the end the endpoint gets SIGTERM with requests on their way. The table
says what was injected and what was seen; the exit status is 1 if anything was answered otherwise
than expected, if the memory was more than a tenth higher in the second half than it ever was in the
first, or if an accepted request was lost; 2 if there is no endpoint with that model.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.errors import UserError  # noqa: E402
from benchmarks.options import above_zero, from_on, in_one_line, model_folder  # noqa: E402
from benchmarks.untrained import write_bank_model  # noqa: E402

STATES = {
    "timestamp": "2026-01-05T12:00Z",
    "load": [3000.0] * 400,
    "active": 12,
    "pending": [0, 1],
    "capacity": 250.0,
}
GOOD = {200}
BUSY = {200, 503}
READY_SECONDS = 60.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def body(**changes: object) -> bytes:
    """Return a body with one state."""
    return json.dumps({"states": [STATES | changes]}).encode()


def request(content: bytes, *, length: int | None = None, kind: str = "application/json") -> bytes:
    """Return a whole request."""
    size = len(content) if length is None else length
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode() + content


async def send(stream: Stream, content: bytes) -> None:
    """Send everything at once."""
    stream[1].write(content)
    await stream[1].drain()


async def trickle(stream: Stream, content: bytes) -> None:
    """Send little by little."""
    step = max(1, len(content) // 20)
    for place in range(0, len(content), step):
        await send(stream, content[place : place + step])
        await asyncio.sleep(0.02)


async def half_close(stream: Stream, content: bytes) -> None:
    """Send everything and close this side."""
    await send(stream, content)
    stream[1].write_eof()


async def vanish(stream: Stream, content: bytes) -> None:
    """Send half of it and go."""
    await send(stream, content[: len(content) // 2])
    stream[1].transport.abort()


async def part_and_eof(stream: Stream, content: bytes) -> None:
    """Send half of it and close this side."""
    await half_close(stream, content[: len(content) // 2])


@dataclass
class Kind:
    """A kind of request.

    Attributes:
        content: what is sent.
        statuses: answers that are right; 0 stands for none.
        how: sends it.
        weight: how often it is picked.
        seen: answers by status.
    """

    content: bytes
    statuses: set[int]
    how: Callable[[Stream, bytes], Awaitable[None]] = send
    weight: float = 1.0
    seen: collections.Counter[int] = field(default_factory=collections.Counter)


def kinds() -> dict[str, Kind]:
    """Return every kind by its name."""
    many = json.dumps({"states": [STATES] * 40}).encode()
    nan = body().replace(b"3000.0", b"NaN", 1)
    infinity = body().replace(b"3000.0", b"1e999", 1)
    ping = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return {
        "ping": Kind(ping, GOOD, weight=10),
        "one state": Kind(request(body()), BUSY, weight=30),
        "40 states": Kind(request(many), BUSY, weight=4),
        "state with missing minutes": Kind(request(body(load=[1.0, None] * 200)), BUSY, weight=4),
        "in small parts": Kind(request(body()), BUSY, trickle, weight=4),
        "half-closed after it": Kind(request(body()), BUSY, half_close, weight=4),
        "half-closed within it": Kind(request(body()), {0}, part_and_eof, weight=4),
        "gone within it": Kind(request(body()), {0}, vanish, weight=4),
        "10 MB": Kind(request(b" " * (10 << 20)), {413}),
        "said to be 10 GB": Kind(request(b"{}", length=10 << 30), {413}),
        "deep JSON": Kind(request(b"[" * 200_000), {400, 503}),
        "huge list": Kind(request(b'{"observations":[' + b"[1]," * 500_000 + b"[1]]}"), {400, 503}),
        "no JSON": Kind(request(b"{nonsense"), {400, 503}),
        "empty": Kind(request(b""), {400, 503}),
        "NaN": Kind(request(nan), {400, 503}),
        "infinite": Kind(request(infinity), {400, 503}),
        "wrong shape": Kind(request(b'{"observations": [[1, 2], [3]]}'), {400, 503}),
        "wrong type": Kind(request(body(active="12")), {400, 503}),
        "forged memory": Kind(request(body(memory="AAAA" * 50)), {400, 503}),
        "wrong content type": Kind(request(body(), kind="text/csv"), {415}),
        "no HTTP": Kind(b"\x16\x03\x01 hello\r\n\r\n", {400}),
        "another path": Kind(ping.replace(b"/ping", b"/models"), {404}),
        "another method": Kind(ping.replace(b"/ping", b"/invocations"), {405}),
    }


async def ask(port: int, kind: Kind) -> int:
    """Send one request and return the status of its answer, 0 if there is none."""
    stream = await asyncio.open_connection("127.0.0.1", port)
    try:
        try:
            await kind.how(stream, kind.content)
        except (ConnectionError, OSError):
            pass  # an answer may have come all the same
        line = await asyncio.wait_for(stream[0].readline(), 60)
        await stream[0].read()
        return int(line.split()[1]) if line else 0
    except (ConnectionError, OSError):
        return 0
    finally:
        stream[1].close()


async def client(port: int, table: dict[str, Kind], until: float, rng: random.Random) -> None:
    """Send requests until the time is up."""
    names, weights = list(table), [kind.weight for kind in table.values()]
    while time.monotonic() < until:
        kind = table[rng.choices(names, weights)[0]]
        kind.seen[await ask(port, kind)] += 1


def memory(pid: int) -> float:
    """Return the resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def highest_memory(pid: int, until: float) -> float:
    """Return the highest resident memory in MB that is seen until then."""
    highest = memory(pid)
    while time.monotonic() < until:
        await asyncio.sleep(0.2)
        highest = max(highest, memory(pid))
    return highest


async def soak(process: subprocess.Popen[str], port: int, minutes: float, clients: int) -> bool:
    """Send requests, print the table, and return whether all was as expected."""
    table, begun, before = kinds(), time.monotonic(), memory(process.pid)
    until = begun + 60 * minutes
    tasks = [
        asyncio.create_task(client(port, table, until, random.Random(seed)))
        for seed in range(clients)
    ]
    first = await highest_memory(process.pid, begun + 30 * minutes)
    second = await highest_memory(process.pid, until)
    await asyncio.gather(*tasks)
    drained = await drain(process, port)
    print("| injected | sent | seen | expected |\n|---|---|---|---|")
    right = True
    for name, kind in table.items():
        seen = ", ".join(f"{count} x {status or 'none'}" for status, count in kind.seen.items())
        expected = " or ".join(str(status or "none") for status in sorted(kind.statuses))
        right &= set(kind.seen) <= kind.statuses
        print(f"| {name} | {kind.seen.total()} | {seen} | {expected} |")
    print(
        f"\nResident memory: {before:.0f} MB at first, at most {first:.0f} MB in the first half "
        f"and {second:.0f} MB in the second"
    )
    print(f"SIGTERM with 20 requests on their way: {drained} answered, exit {process.returncode}")
    return right and second < 1.1 * first and drained == 20 and process.returncode == 0


async def drain(process: subprocess.Popen[str], port: int) -> int:
    """End the endpoint while requests are on their way, and return how many were answered."""
    kind = Kind(request(json.dumps({"states": [STATES] * 20}).encode()), GOOD)
    tasks = [asyncio.create_task(ask(port, kind)) for _ in range(20)]
    await asyncio.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    statuses = await asyncio.gather(*tasks)
    await asyncio.to_thread(process.wait, 30)
    return statuses.count(200)


def main() -> int:
    """Run the soak and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=above_zero, default=10.0)
    parser.add_argument("--clients", type=from_on(1), default=8)
    parser.add_argument(
        "model", nargs="?", type=model_folder, help="folder of an unpacked artifact"
    )
    given = parser.parse_args()
    return in_one_line(partial(run, given.model, given.minutes, given.clients))


def run(given: Path | None, minutes: float, clients: int) -> int:
    """Run the soak with a model, or with one that is made, and return 1 if it was not all right.

    Raises:
        UserError: the endpoint does not come up with the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = (given or Path(folder) / "model").resolve()
        if given is None:
            write_bank_model(model)
        program = [sys.executable, "serve.py", "--model-dir", str(model), "--port", "0"]
        process = subprocess.Popen(
            program, cwd=ROOT / "training_src", stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = process.stdout.readline()  # nothing where it ended
        reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        try:
            port = json.loads(said)["port"] if said else 0
            wait_until_ready(process, port, model)
            return 0 if asyncio.run(soak(process, port, minutes, clients)) else 1
        finally:
            process.kill()
            process.wait()
            reader.wait()
            process.stdout.close()


def wait_until_ready(process: subprocess.Popen[str], port: int, model: Path) -> None:
    """Wait until /ping answers 200.

    Raises:
        UserError: the endpoint has ended, or does not load the model in time.
    """
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(0.05 if port else READY_SECONDS)
            raise UserError(f"{model}: the endpoint has ended with status {status}")
        with contextlib.suppress(ConnectionError):  # it may end just now
            if asyncio.run(ask(port, kinds()["ping"])) == 200:
                return
    raise UserError(
        f"{model}: /ping has not answered 200 in {READY_SECONDS:g} seconds: "
        f"`python training_src/serve.py --model-dir {model}` says why"
    )


if __name__ == "__main__":
    sys.exit(main())
