"""A training program that does what its hyperparameter `task` says."""

import json
import os
import pathlib
import signal
import sys
import time

BASE = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
CONFIG = BASE / "input/config"
HYPERPARAMETERS = json.loads((CONFIG / "hyperparameters.json").read_text())


def learn():
    for step in range(3):
        print(f"Training> Name=main, Episode={step}, Total reward={step * 1.5}, end")
        print(f"loss: {1.0 / (step + 1)}")
        time.sleep(float(HYPERPARAMETERS.get("pause", "0")))
    inputs = (BASE / "input").rglob("*")
    report = {
        "environment": dict(os.environ),
        "inputs": {str(p.relative_to(BASE)): p.read_text() for p in inputs if p.is_file()},
    }
    (BASE / "model/report.json").write_text(json.dumps(report))
    (BASE / "output/data/table.csv").write_text("a,b\n1,2\n")


def fail():
    (BASE / "output/failure").write_text("preset: no such preset\n" + "x" * 5000)
    (BASE / "output/data/why.txt").write_text("because")
    sys.exit(3)


def stop():
    def save(*_):
        (BASE / "checkpoints/at-stop").write_text("saved")
        (BASE / "model/partial.txt").write_text("partial")
        sys.exit(0)

    signal.signal(signal.SIGTERM, save)
    print("waiting")
    while True:
        time.sleep(0.05)


def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("waiting")
    time.sleep(600)


def suicide():
    os.kill(os.getpid(), signal.SIGKILL)


def checkpoint():
    file = BASE / "checkpoints/count"
    count = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(count))
    (BASE / "model/count").write_text(str(count))


def hosts():
    resources = json.loads((CONFIG / "resourceconfig.json").read_text())
    rank = resources["hosts"].index(resources["current_host"])
    names = sorted(os.listdir(BASE / "input/data/load"))
    (BASE / f"model/rank-{rank}").write_text(",".join(names))
    if HYPERPARAMETERS.get("bad_rank") == str(rank):
        sys.exit(5)


TASKS = (learn, fail, stop, stubborn, suicide, checkpoint, hosts)
{task.__name__: task for task in TASKS}[HYPERPARAMETERS["task"]]()
