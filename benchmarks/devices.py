"""PPO on the CPU and on a GPU: environment steps per second of whole training jobs.

    python benchmarks/devices.py [--rounds 3]

Each job is `train.py` as SageMaker starts it, the environment on the CPU either way; what the GPU
computes is the network. Jobs alternate between the two, the table gives medians. Without a GPU
there is nothing to compare.
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

BUNDLE = Path(__file__).resolve().parents[1] / "training_src"
# Preset, neurons of two hidden layers, and rollouts of 8,192 steps.
CASES = (
    ("ppo-cartpole", 64, 24),
    ("ppo-autoscaling", 64, 8),
    ("ppo-autoscaling", 256, 8),
    ("ppo-autoscaling", 1024, 2),
)


def main() -> int:
    """Measure and print the table; 1 without a GPU."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if not torch.cuda.is_available():
        print("there is no GPU that PyTorch can use")
        return 1
    print(
        f"{torch.cuda.get_device_name()}, {os.cpu_count()} CPU cores (one is used),"
        f" PyTorch {torch.__version__}, Python {platform.python_version()}\n"
    )
    print("| preset | hidden | CPU steps/s | GPU steps/s | GPU / CPU |\n|---|---|---|---|---|")
    for preset, neurons, rollouts in CASES:
        options = {
            "hidden": [neurons, neurons],
            "n_envs": 128,
            "n_steps": 64,
            "batch_size": 2048,
            "steps": rollouts * 128 * 64,
            "segment_steps": rollouts * 128 * 64,
            "test_episodes": 1,
        }
        pairs = [
            (speed(preset, "cpu", options), speed(preset, "cuda", options)) for _ in range(rounds)
        ]
        cpu, gpu = (statistics.median(each) for each in zip(*pairs, strict=True))
        share = statistics.median(right / left for left, right in pairs)
        print(
            f"| {preset} | 2 x {neurons} | {cpu:.0f} | {gpu:.0f} | {share:.2f} |",
            flush=True,
        )
    return 0


def speed(preset: str, device: str, options: dict[str, object]) -> float:
    """Return the environment steps per second of one job."""
    with tempfile.TemporaryDirectory() as folder:
        values = {"preset": preset, "training.device": device}
        values |= {f"training.{name}": json.dumps(value) for name, value in options.items()}
        arguments = [part for name, value in values.items() for part in (f"--{name}", value)]
        command = [sys.executable, str(BUNDLE / "train.py"), "--base-dir", folder, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        manifest = json.loads((Path(folder) / "model/manifest.json").read_text())
        figures = manifest["figures"]["training"]
        assert figures["device"] == device, figures
        return float(figures["steps_per_second"])


if __name__ == "__main__":
    sys.exit(main())
