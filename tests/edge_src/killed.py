"""A process that decides, to be killed: started once, it forks a device for each `run`.

Standard input: `run MODEL` begins a device with a model.tar.gz; then a state a line, JSON. Standard
output, a line each: `begun PID`, then for each state `stored N` for a telemetry event that was put
into the spool before the answer, and `answer JSON`; `ended` once the device has ended, however.
Forking spares what importing takes; what is killed is a process of its own.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "edge_src"))
sys.dont_write_bytecode = True

from edge_policy.core import Core  # noqa: E402


def line() -> str:
    """Read a line without reading on: the next may be for another process."""
    text = b""
    while not text.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        text += byte
    return text.decode().rstrip("\n")


def say(text: str) -> None:
    """Write a line in one piece."""
    os.write(1, text.encode() + b"\n")


def device(work: Path, model: Path, configuration: dict[str, object]) -> None:
    """Decide on states until killed."""
    core = Core(work, model, configuration)
    while True:
        payload = line()
        number = core.spool.put(payload.encode()) if core.spool else 0
        say(f"stored {number}")
        say("answer " + core.answer(payload.encode()).decode())
        core.settle()


def main() -> None:
    """Fork a device for each `run`."""
    work, configuration = Path(sys.argv[1]), json.loads(sys.argv[2])
    while True:
        command, _, model = line().partition(" ")
        if command != "run":
            continue  # a state for a device that is dead
        child = os.fork()
        if child == 0:
            say(f"begun {os.getpid()}")
            try:
                device(work, Path(model), configuration)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        say("ended")


main()
