"""Artifacts, states, and a disk that fails or a process that ends at any system call."""

import errno
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from autoscaling_rl.artifact import pack, write_artifact
from autoscaling_rl.controller import features
from autoscaling_rl.controller.inference import Inference
from edge_policy.core import Core
from tests.training_src.banks import MIDNIGHT, busy_load, fixed_policy
from tests.training_src.endpoints import autoscaling_artifact, cartpole_artifact

BUNDLE = Path(__file__).parents[2] / "edge_src"
CONFIGURATION = json.loads((BUNDLE / "configuration.json").read_text())
CAPACITY = 250.0
THING = "device-7"
START = MIDNIGHT - 100
LOAD = np.round(CAPACITY * busy_load(3000))


def bank_artifact(folder, *, seed=0, wish=0.12):
    """Write an artifact like those of the default preset, but small and untrained."""
    rng = np.random.default_rng(seed)
    write_artifact(
        folder,
        policy=fixed_policy(seed=seed, wish=wish),
        environment={"id": "AutoScaling-v0", "profile": "default"},
        preset={"toolkit": "hindsight"},
        seed=seed,
        golden_observations=rng.normal(size=(80, features.SIZE)).astype(np.float32),
        figures={},
    )
    return folder


def packed(folder):
    """Return the model.tar.gz of an artifact, beside its folder."""
    path = folder.with_name(f"{folder.name}.tar.gz")
    pack(folder, path)
    return path


def models(folder):
    """Return model.tar.gz files by name: two banks, a plain policy, one for observations."""
    return {
        "bank": packed(bank_artifact(folder / "bank")),
        "other": packed(bank_artifact(folder / "other", seed=1, wish=0.5)),
        "plain": packed(autoscaling_artifact(folder / "plain")),
        "cartpole": packed(cartpole_artifact(folder / "cartpole")),
    }


def relist(folder):
    """Make the manifest right again, as somebody would who changed the files."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {
        each.relative_to(folder).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in folder.rglob("*")
        if each.is_file() and each != path
    }
    path.write_text(json.dumps(manifest))


def timestamp(minute):
    return datetime.fromtimestamp(60 * int(minute), UTC).isoformat().replace("+00:00", "Z")


def state(now, minutes=1, *, load=LOAD, **changes):
    """Return the state of minute `now` after START that tells the last minutes of load."""
    told = [None if np.isnan(each) else float(each) for each in load[now - minutes : now]]
    return {
        "id": f"state-{now}",
        "timestamp": timestamp(START + now),
        "load": told,
        "active": 20,
        "pending": [0, 2],
        "capacity": CAPACITY,
        **changes,
    }


def core(work, model=None, *, clock=lambda: 60.0 * START, **configuration):
    return Core(work, model, {**CONFIGURATION, **configuration}, thing_name=THING, clock=clock)


def ask(core, message):
    """Return the answer to a message, as the service asks for it."""
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer = json.loads(core.answer(payload))
    core.settle()
    return answer


def reference(folder, now, *, load=LOAD, **changes):
    """Return what the artifact in a folder answers, told all the load at once."""
    body = state(now, now, load=load, **changes)
    body.pop("id")
    status, answer = Inference.load(folder).respond({"states": [body]})
    assert status == 200, answer
    return answer


def events(core, kind=None):
    """Return the telemetry that waits, oldest first, and forget it."""
    found = []
    while (oldest := core.spool.oldest()) is not None:
        found.append(json.loads(oldest[1]))
        core.spool.acknowledge(oldest[0])
    return [each for each in found if kind is None or each["type"] == kind]


WRITERS = []  # of the process that a test plays; see conftest.py


def end_process():
    """Close what the system closes of a process that ended."""
    while WRITERS:
        WRITERS.pop().close()


class Ended(BaseException):
    """The process has ended."""


class Disk:
    """Stands in for the module `os` in a module under test, and counts its system calls.

    At call `at`, counted from 1, it fails: with "end" the process ends there, half of a write done;
    with "full" this one call fails.
    """

    CALLS = ("open", "write", "fsync", "replace", "close", "unlink")

    def __init__(self, at=0, how="end"):
        self.count, self._at, self._how = 0, at, how

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in self.CALLS:
            return real

        def call(*arguments, **named):
            self.count += 1
            if self._how == "end" and 0 < self._at <= self.count:
                if name == "write" and self.count == self._at:
                    descriptor, content = arguments
                    os.write(descriptor, bytes(content)[: len(content) // 2])
                if name == "close":
                    real(*arguments)  # the system closes what a process leaves open
                raise Ended
            if self._how == "full" and self.count == self._at:
                if name == "close":
                    real(*arguments)
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **named)

        return call


def every_call(monkeypatch, modules, action, *, how="end", prepare=lambda: None, step=1):
    """Yield once for each system call of an action at which it failed, with what it raised."""
    at = 1 - step
    while True:
        at += step
        prepared = prepare()
        disk = Disk(at, how)
        with monkeypatch.context() as patched:
            for module in modules:
                patched.setattr(module, "os", disk)
            raised = None
            try:
                action(prepared)
            except (Ended, OSError) as error:
                raised = error
        if disk.count < at:
            assert raised is None
            end_process()
            return
        yield prepared, raised
        end_process()


def agrees(answer, expected):
    """Return whether the component answered as the endpoint does."""
    return (answer["desired"], answer["action"], answer["model_version"]) == (
        expected["desired"][0],
        expected["actions"][0],
        expected["model_version"],
    )
