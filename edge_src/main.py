"""Run the component: python3 -u main.py --work FOLDER [--model model.tar.gz]."""

import argparse
import faulthandler
import gc
import importlib.util
import json
import logging
import os
import queue
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# A device's artifacts may be read-only, and a model's folder must stay as its manifest lists it.
sys.dont_write_bytecode = True
# One core decides; what a thread pool for it would cost is memory and scatter.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
START_SECONDS = 60.0  # a start gate that takes longer will take for ever: the process ends
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what the recipe's run command says."""
    parser = argparse.ArgumentParser(prog="main.py", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="the component's work folder")
    parser.add_argument("--model", type=Path, help="model.tar.gz; without it the rule decides")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; return 0, or 1 where the device lacks what it needs."""
    given = arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    if reason := missing():
        logging.error(reason)
        return 1

    from edge_policy.core import Core
    from edge_policy.ipc import SdkSession
    from edge_policy.lock import WorkLock
    from edge_policy.service import STOP, Service, Signals

    signals = Signals()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, frame: signals.put(STOP))
    lock = WorkLock(given.work)
    if not lock.wait(lambda seconds: told_to_end(signals, seconds)):
        return 0
    thing = os.environ.get("AWS_IOT_THING_NAME", "")
    faulthandler.dump_traceback_later(START_SECONDS, exit=True)
    core = Core(given.work, given.model, defaults(), thing_name=thing, labels={"thing": thing})
    faulthandler.cancel_dump_traceback_later()
    gc.collect()
    gc.freeze()  # what is there stays: looking through it again would only delay decisions
    Service(core, SdkSession, signals).run()
    lock.release()
    return 0


def missing() -> str:
    """Return what the device lacks, and the remedy; empty if it has all."""
    for name in ("numpy", "awsiot"):
        try:
            found = importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            found = False
        if not found:
            return (
                f"there is no module {name} for {sys.executable}, which the user "
                f"{os.getuid()} may read: install {HERE / 'requirements.txt'}"
            )
    return ""


def told_to_end(signals: "queue.SimpleQueue[int]", seconds: float) -> bool:
    """Return whether a signal comes within so many seconds."""
    try:
        signals.get(timeout=seconds)
    except queue.Empty:
        return False
    return True


def defaults() -> dict[str, Any]:
    """Return the configuration until the nucleus says what it is.

    Topics with the component's name are left out: the recipe has it, this file does not.
    """
    content = json.loads((HERE / "configuration.json").read_text(encoding="utf-8"))
    topics = {key: topic for key, topic in content["Topics"].items() if "{component}" not in topic}
    return {**content, "Topics": topics}


if __name__ == "__main__":
    sys.exit(main())
