"""`kill -9` at random moments: nothing unreadable, no decision missed, no telemetry lost."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_policy.spool import Spool
from tests.edge_src.support import CONFIGURATION, LOAD, START, core, reference, state

KNOWN = 400
MOST_ANSWERS = 12  # of one life
CHANGES = {
    "Models": {"crash_limit": 100, "good_decisions": 3},
    "Telemetry": {"interval_seconds": 3600, "spool_megabytes": 64},
}


class Devices:
    """The process that forks devices, and what they have said."""

    def __init__(self, work):
        configuration = json.dumps({**CONFIGURATION, **CHANGES})
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(Path(__file__).with_name("killed.py")), work, configuration],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        """Return the next line's first word and the rest."""
        word, _, rest = self.process.stdout.readline().decode().rstrip("\n").partition(" ")
        assert word, "the process that forks has ended"
        return word, rest

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


class Witness:
    """Sends states minute by minute, again until they are answered, and notes what it was told."""

    def __init__(self, devices, offered):
        self.devices, self.offered = devices, offered
        self.minute, self.answers, self.stored = KNOWN, {}, []

    def live(self, model, seconds, answers):
        """Have a device decide until it is killed, so many seconds after so many answers."""
        self.devices.say(f"run {self.offered[model]}")
        word, pid = self.devices.hear()
        assert word == "begun"
        timer = threading.Timer(seconds, os.kill, (int(pid), signal.SIGKILL))
        answered, minutes = 0, KNOWN if self.minute == KNOWN else 1
        while True:
            if answered == answers:
                timer.start()
            if answered < MOST_ANSWERS:
                self.devices.say(json.dumps(state(self.minute, minutes)))
            while (heard := self.devices.hear())[0] == "stored":
                self.stored.append(int(heard[1]))
            if heard[0] == "ended":
                break
            self.answers[self.minute] = json.loads(heard[1])
            self.minute, answered, minutes = self.minute + 1, answered + 1, 1
        timer.join()
        # The state that nobody answered is still in the pipe: the forking process leaves it.


def check(witness, offered, work):
    """Compare with what models decide that were told all the load at once."""
    versions = {
        reference(path.with_name(name), KNOWN)["model_version"]: path.with_name(name)
        for name, path in offered.items()
        if name in ("bank", "other")
    }
    minutes = sorted(witness.answers)
    assert minutes == list(range(KNOWN, witness.minute))
    sample = {*minutes[:3], *random.Random(1).sample(minutes, min(60, len(minutes))), minutes[-1]}
    for minute in sorted(sample):
        answer = witness.answers[minute]
        assert answer["source"] in ("model", "last_good")
        expected = reference(versions[answer["model_version"]], minute)
        assert answer["desired"] == expected["desired"][0]
    # All telemetry that was stored is there, in order.
    waiting = Spool(work / "spool", most_bytes=64 << 20)
    found = []
    while (oldest := waiting.oldest()) is not None:
        found.append(oldest[0])
        waiting.acknowledge(oldest[0])
    assert set(witness.stored) <= set(found)
    assert found == list(range(1, len(found) + 1))
    assert waiting.dropped == 0
    # And every minute of the load.
    again = core(work, offered["bank"], **CHANGES)
    assert not [each for each in again.decider.history.timeline.load if each != each]
    told = again.decider.history.timeline
    assert np.array_equal(told.load, LOAD[: told.minute - START])
    assert again.models.source == "model"


@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_whenever_it_is_killed_it_goes_on_where_it_was(tmp_path, offered, kills):
    devices = Devices(tmp_path / "work")
    witness, drawn = Witness(devices, offered), random.Random(kills)
    for number in range(kills):
        if number % 3:  # while it decides, which takes milliseconds
            moment = drawn.uniform(0.0, 0.01), drawn.randint(1, 8)
        else:  # while it begins with another model, which takes a few tenths of a second
            moment = drawn.uniform(0.0, 0.4), 0
        witness.live("bank" if number % 2 else "other", *moment)
    devices.close()
    assert witness.answers
    check(witness, offered, tmp_path / "work")
