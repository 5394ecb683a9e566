"""What the component costs on a device: decisions, memory, start, archive.

    python benchmarks/edge.py [model.tar.gz] [--minutes 3000]

Without a model one is made with the network and the bank of the default preset, untrained: what a
decision takes hangs on which kind of member leads, not on the weights. So each kind is made to lead
in turn, seven minutes each. Decisions are timed in a process of their own on one core, message in,
answer out, with two weeks of load known, and all that the component does between two messages
(journal, fsync, work ahead) done between them. The same small work is timed between them, too: how
its longest times relate to its median is the machine's doing, and of the tenths of the time the
table gives the median one as well, which a pause of the machine does not change. Memory and start
are those of the whole component, with the AWS IoT Device SDK, at the emulated nucleus.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src"), str(ROOT / "edge_src")]
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from autoscaling_rl.errors import UserError  # noqa: E402
from benchmarks.options import from_on, in_one_line  # noqa: E402

DAY = 1440
KNOWN = 14 * DAY
TURN = 7  # minutes
BEGIN = 20_000 * DAY
STATE, DECISION = "autoscaling/state", "autoscaling/decision"
TARGETS = {"decision, p99 ms": 1.0, "resident MB": 80.0, "start s": 2.0, "archive MB": 2.0}


def main() -> int:
    """Measure and print the table; 1 if a target is missed, 2 for a mistake of the user."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path)
    least = TURN * len(Leads.ALL)  # each leads once
    parser.add_argument(
        "--minutes", type=from_on(least), default=3000, help="decisions that are timed"
    )
    parser.add_argument("--decide", type=Path, help=argparse.SUPPRESS)
    return in_one_line(partial(run, parser.parse_args()))


def run(given: argparse.Namespace) -> int:
    """Do what the arguments ask for.

    Raises:
        UserError: the model is none that can be measured.
    """
    if given.model and not given.model.is_file():
        raise UserError(f"{given.model} is no file: give a model.tar.gz, or none")
    if given.decide:
        print(json.dumps(decisions(given.decide, given.model, given.minutes)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return report(measure(Path(folder), given.model, given.minutes))


def measure(folder: Path, model: Path | None, minutes: int) -> dict[str, float]:
    """Return every figure by its name."""
    model = model or default_model(folder)
    command = [sys.executable, __file__, str(model), "--minutes", str(minutes), "--decide"]
    timed = subprocess.run([*command, str(folder / "decide")], stdout=subprocess.PIPE, text=True)
    if timed.returncode:
        raise SystemExit(timed.returncode)  # it has said why
    return {
        **json.loads(timed.stdout),
        **component(folder / "component", model),
        "archive MB": archive(folder / "edge_src.zip") / 1e6,
    }


def report(figures: dict[str, float]) -> int:
    """Print the table; return 1 if a target is missed."""
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| figure | measured | target |\n|---|---|---|")
    missed = 0
    for name, value in figures.items():
        target = TARGETS.get(name)
        missed += target is not None and value > target
        print(f"| {name} | {value:.3g} | {'' if target is None else f'{target:g}'} |")
    return int(missed > 0)


def default_model(folder: Path) -> Path:
    """Return the model.tar.gz of an untrained policy in the form of the default preset."""
    from autoscaling_rl.artifact import pack
    from benchmarks.untrained import write_bank_model

    write_bank_model(folder / "model")
    pack(folder / "model", folder / "model.tar.gz")
    return folder / "model.tar.gz"


def load(minutes: int) -> list[int]:
    """Return requests per minute with a day, a week and noise."""
    minute = np.arange(minutes)
    cycle = 1 + 0.4 * np.sin(2 * np.pi * minute / DAY) + 0.1 * np.sin(2 * np.pi * minute / 7 / DAY)
    noise = np.random.default_rng(0).gamma(50, 1 / 50, minutes)
    return [int(each) for each in 5000 * cycle * noise]


def message(requests: list[int], now: int, minutes: int = 1) -> bytes:
    """Return the state of a minute that tells the last minutes of load."""
    moment = datetime.fromtimestamp(60 * (BEGIN + now), UTC)
    return json.dumps(
        {
            "id": str(now),
            "timestamp": moment.isoformat(),
            "load": requests[now - minutes : now],
            "active": 20,
            "pending": [0, 1],
            "capacity": 250,
        }
    ).encode()


def decisions(work: Path, model: Path, minutes: int) -> dict[str, float]:
    """Return what a decision takes, in milliseconds; in this process, on one core.

    Raises:
        UserError: the model is none of those whose leaders can be chosen.
    """
    import gc

    from edge_policy.core import Core

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    requests = load(KNOWN + minutes + 1)
    core = Core(work, model, {})
    if core.models.active is None or core.models.active._follower is None:
        raise UserError(f"{model}: the component takes no model from it that follows the load")
    core.answer(message(requests, KNOWN, KNOWN))
    core.settle()
    gc.collect()
    gc.freeze()
    leads = Leads(core)
    names = (*leads.followed, "decision", "between", "same")
    taken: dict[str, list[float]] = {name: [] for name in names}
    for now in range(KNOWN + 1, KNOWN + 1 + minutes):
        payload, name = message(requests, now), leads.turn(now)
        begun = time.perf_counter()
        answer = core.answer(payload)
        taken["decision"].append(time.perf_counter() - begun)
        taken[name].append(taken["decision"][-1])
        begun = time.perf_counter()
        core.settle()
        taken["between"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        same_work()
        taken["same"].append(time.perf_counter() - begun)
        assert json.loads(answer)["source"] == "model", answer
    return decision_figures({name: 1e3 * np.array(each) for name, each in taken.items()})


def decision_figures(taken: dict[str, Any]) -> dict[str, float]:
    """Return the table's figures of what decisions took, in milliseconds."""
    figures = {}
    led = {f"{name} leads": each for name, each in taken.items() if name in Leads.ALL}
    for name, each in {"decision": taken["decision"], **led}.items():
        figures[f"{name}, p50 ms"], figures[f"{name}, p99 ms"] = np.quantile(each, (0.5, 0.99))
    tenths = [np.quantile(each, 0.99) for each in np.array_split(taken["decision"], 10)]
    figures["decision, p99 of the median tenth, ms"] = np.median(tenths)
    figures["between two decisions, p50 ms"] = np.median(taken["between"])
    same = taken["same"]
    figures["the same work, p99/p50"] = np.quantile(same, 0.99) / np.median(same)
    return {name: float(each) for name, each in figures.items()}


class Leads:
    """Makes members of each kind lead in turn, and one that is followed by half."""

    KINDS = ("network", "rule", "rule that knows the clock", "tracker")
    ALL = (*KINDS, "half of the network")

    def __init__(self, core: Any) -> None:  # noqa: ANN401
        """Take the choice out of the bank's hands; it is still worked out."""
        bank = core.models.active._follower._bank
        layout, followed = bank.simulated.layout, type(bank.followed)
        ends = (*layout, bank.simulated.size)
        begins = (bank.first, *layout)
        kinds = zip(self.KINDS, begins, ends, strict=True)
        self.followed = {name: followed(at, at) for name, at, end in kinds if at < end}
        if bank.scores.rivals:
            self.followed[self.ALL[-1]] = followed(bank.first, bank.scores.rivals[0], 0.5)
        self._bank, choice = bank, type(bank)._choice

        def chosen(bank: Any, *more: Any) -> Any:  # noqa: ANN401
            choice(bank, *more)
            return bank.followed

        type(bank)._choice = chosen

    def turn(self, minute: int) -> str:
        """Say who leads in a minute."""
        # Seven minutes each: choices and renewals at round minutes come upon every kind.
        name = list(self.followed)[minute // TURN % len(self.followed)]
        self._bank.followed = self.followed[name]
        return name


def same_work() -> None:
    """Do what takes about as long as a decision."""
    values = np.ones(64)
    for _ in range(300):
        values = np.maximum(values, 0.5)


def component(folder: Path, model: Path) -> dict[str, float]:
    """Return memory and times to the first decision of the component at the emulated nucleus."""
    from local_mode.greengrass.ipc import IpcServer

    configuration = json.loads((ROOT / "edge_src/configuration.json").read_text())
    folder.mkdir()
    requests = load(KNOWN + 300)
    with IpcServer(folder / "ipc", configuration, profile="full") as nucleus:
        first = Running(nucleus, folder, model)
        fresh = first.decide(message(requests, 100, 100))
        first.decide(message(requests, KNOWN, KNOWN))
        for now in range(KNOWN + 1, KNOWN + 200):
            first.decide(message(requests, now))
        resident = first.resident()
        first.end()
        again = Running(nucleus, folder, model)
        restarted = again.decide(message(requests, KNOWN + 200))
        again.end(signal.SIGKILL)
        (folder / "work/memory").unlink()
        rebuilt = Running(nucleus, folder, model)
        anew = rebuilt.decide(message(requests, KNOWN + 201))
        rebuilt.end()
    return {
        "resident MB": resident,
        "start s": fresh,
        "start with two weeks known s": restarted,
        "start with two weeks, memory lost s": anew,
    }


class Running:
    """A process of the component."""

    def __init__(self, nucleus: Any, folder: Path, model: Path) -> None:  # noqa: ANN401
        """Start it."""
        self._nucleus, self._begun = nucleus, time.perf_counter()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-u", str(ROOT / "edge_src/main.py")),
                *("--model", str(model), "--work", str(folder / "work")),
            ],
            env={**os.environ, **nucleus.environment()},
            stdout=subprocess.DEVNULL,
        )

    def decide(self, payload: bytes) -> float:
        """Return the seconds from the start of the process to the answer."""
        nucleus = self._nucleus
        before = len(nucleus.messages(DECISION))
        # What is published before the component subscribes reaches nobody.
        assert nucleus.wait_for(lambda: nucleus.subscribed(STATE), 60)
        nucleus.publish(STATE, payload)
        assert nucleus.wait_for(lambda: len(nucleus.messages(DECISION)) > before, 60)
        answer = nucleus.messages(DECISION)[-1].document
        assert answer["source"] == "model", answer
        return time.perf_counter() - self._begun

    def resident(self) -> float:
        """Return the memory of the process in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait until the nucleus has noticed."""
        self._process.send_signal(number)
        self._process.wait(30)
        nucleus = self._nucleus
        assert nucleus.wait_for(lambda: not nucleus.subscribed(STATE), 30)


def archive(path: Path) -> int:
    """Return the bytes of the component's archive, without wheels."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for each in sorted((ROOT / "edge_src").rglob("*")):
            if each.is_file() and "__pycache__" not in each.parts:
                file.write(each, Path("edge_src") / each.relative_to(ROOT / "edge_src"))
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
