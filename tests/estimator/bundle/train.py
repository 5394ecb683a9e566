"""A training program that does what its hyperparameter `task` says."""

import json
import os
import pathlib
import signal
import sys
import time

BASE = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
GIVEN = json.loads((BASE / "input/config/hyperparameters.json").read_text())
GAIN, SHIFT = (float(GIVEN.get(name, default)) for name, default in (("gain", 1), ("shift", 0)))
TASK = json.loads(GIVEN.get("task", '"learn"'))


def learn():
    for step in range(1, 5):
        reward = step * 1.5 * GAIN - SHIFT
        print(f"Training> Name=main, Episode={step}, Total reward={reward}, Steps={step * 100}")
        print(f"episode_reward_mean: {reward}")
        print(f"progress: {25 * step} % ({step} of 4 updates, 9 a second, 0 s left)")
        time.sleep(float(GIVEN.get("pause", "0")))
    files = {
        str(path.relative_to(BASE / "input/data")): path.read_text("utf-8", "replace")
        for path in (BASE / "input/data").rglob("*")
        if path.is_file()
    }
    resources = json.loads(os.environ["SM_RESOURCE_CONFIG"])
    report = {"hyperparameters": GIVEN, "files": files, "resources": resources}
    (BASE / "model/report.json").write_text(json.dumps(report))
    (BASE / "output/data/table.csv").write_text("a,b\n1,2\n")


def evaluate():
    print("failed_percent: 0.25")


def fail():
    (BASE / "output/failure").write_text("preset: there is no preset 'x'\nmore")
    sys.exit(3)


def wait():
    def save(*_):
        (BASE / "model/partial.txt").write_text("partial")
        sys.exit(0)

    signal.signal(signal.SIGTERM, save)
    print("waiting", flush=True)
    while True:
        time.sleep(0.05)


{task.__name__: task for task in (learn, evaluate, fail, wait)}[TASK]()
