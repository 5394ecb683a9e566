"""PPO on one or several instances: environment steps per second of whole training jobs.

    python benchmarks/instances.py [--most 8] [--rounds 3]

An instance is a process of `train.py` on one core of this machine, told by resourceconfig.json of
the others as SageMaker tells it; they meet on the loopback interface. A network between machines is
slower than that. Numbers of instances take turns in each round, the table gives medians.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "training_src"
sys.path[:0] = [str(ROOT), str(BUNDLE)]

from benchmarks.options import from_on  # noqa: E402
from local_mode.aws.processes import free_port  # noqa: E402

# Preset, and steps of the job.
CASES = (("ppo-cartpole", 196_608), ("ppo-autoscaling", 786_432))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--most", type=from_on(1), default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=from_on(1), default=3)
    given = parser.parse_args()
    counts = [2**power for power in range(8) if 2**power <= given.most]
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    print(
        "| preset | instances | steps/s | times one instance | test return |\n|---|---|---|---|---|"
    )
    for preset, steps in CASES:
        runs = [{count: figures(preset, steps, count) for count in counts}
                for _ in range(given.rounds)]  # fmt: skip
        for count in counts:
            speeds = [run[count]["steps_per_second"] for run in runs]
            times = [run[count]["steps_per_second"] / run[1]["steps_per_second"] for run in runs]
            print(
                f"| {preset} | {count} | {statistics.median(speeds):.0f}"
                f" | {statistics.median(times):.2f} | {runs[0][count]['test_return']:.0f} |",
                flush=True,
            )


def figures(preset: str, steps: int, count: int) -> dict[str, float]:
    """Return what the manifest of a job says of its training."""
    hosts = [f"127.0.0.{number}" for number in range(1, count + 1)]
    port = free_port()
    values = {"preset": preset, "training.steps": steps, "training.segment_steps": steps}
    arguments = [part for name, value in values.items() for part in (f"--{name}", str(value))]
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        for place, host in enumerate(hosts):
            config = Path(folder) / host / "input" / "config"
            config.mkdir(parents=True)
            names = {"current_host": host, "hosts": hosts, "network_interface_name": "lo"}
            (config / "resourceconfig.json").write_text(json.dumps(names))
            command = [sys.executable, str(BUNDLE / "train.py"), *arguments]
            command += ["--training.device", "cpu", "--base-dir", str(Path(folder) / host)]
            process = subprocess.Popen(
                command,
                env={**os.environ, "MASTER_PORT": str(port)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            os.sched_setaffinity(process.pid, {cores[place % len(cores)]})
            processes.append(process)
        for process in processes:
            _, errors = process.communicate()
            if process.returncode:
                raise SystemExit(errors)
        manifest = json.loads((Path(folder) / hosts[0] / "model/manifest.json").read_text())
    found: dict[str, float] = manifest["figures"]["training"]
    assert found["instances"] == count
    return found


if __name__ == "__main__":
    main()
