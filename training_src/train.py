"""Entry script of the training job: preset + environment -> toolkit -> model artifact.

    python train.py --preset smoke --base-dir DIR [--NAME VALUE ...]
    python train.py --list-presets
    python train.py --preset smoke --describe

On SageMaker the same script reads /opt/ml. Any `--NAME VALUE` is a hyperparameter: a dotted path
of the preset (`training.n_envs`) or a bare name that is unique.

Exit status: 0 trained, or stopped by SIGTERM (SageMaker then says Stopped whatever the status, and
keeps the model folder; the manifest's figures say "stopped"); 2 a mistake of the user, named in one
line; 1 a fault. For 1 and 2 the reason is in output/failure, which DescribeTrainingJob shows.
"""

import hashlib
import json
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autoscaling_rl.artifact import find_artifact, write_artifact
from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.errors import UserError
from autoscaling_rl.hyperparameters import parse
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.paths import (
    JobPaths,
    job_paths,
    read_cluster,
    read_hyperparameters,
    single_file,
    split_arguments,
)
from autoscaling_rl.presets import DEFAULT_PRESET, Preset, describe, list_presets, load_preset
from autoscaling_rl.toolkits import TrainingJob, TrainingStopped, find_toolkit

FLAGS = ("help", "list-presets", "describe")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a training job and return the exit status."""
    paths: JobPaths | None = None
    try:
        values, flags = split_arguments(sys.argv[1:] if argv is None else argv, flags=FLAGS)
        if flags & {"help", "list-presets"}:
            print(__doc__ if "help" in flags else list_presets())
            return 0
        base_dir = values.pop("base-dir", None)
        if "describe" in flags:
            print(describe(load_preset(values.get("preset", DEFAULT_PRESET), values)))
            return 0
        paths = job_paths(base_dir)
        paths.create()
        paths.failure.unlink(missing_ok=True)
        train(paths, read_hyperparameters(paths, values))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        write_failure(paths, str(error))
        return 2
    except Exception as error:
        trace = traceback.format_exc()
        print(trace, file=sys.stderr, flush=True)
        summary = " ".join(f"{type(error).__name__}: {error}".split())
        write_failure(paths, f"training failed, see the job's log: {summary}\n\n{trace}")
        return 1
    return 0


def train(paths: JobPaths, hyperparameters: dict[str, str]) -> None:
    """Train and write the model artifact.

    Raises:
        UserError: for a mistake of the user.
    """
    name = parse(hyperparameters.get("preset", DEFAULT_PRESET), str)
    preset = load_preset(name, hyperparameters)
    load_path = single_file(paths, "load", ".csv")
    with (
        Reporter(tensorboard=paths.tensorboard) as reporter,
        tempfile.TemporaryDirectory(prefix="warm-start-") as workspace,
        stop_request() as stop,
    ):
        channel = paths.channels.get("checkpoint")
        warm_start = find_artifact(channel, Path(workspace) / "model") if channel else None
        job = TrainingJob(
            preset=preset,
            checkpoints=Checkpoints(
                paths.checkpoints, fingerprint=fingerprint(preset, load_path, warm_start)
            ),
            reporter=reporter,
            stop=stop,
            hosts=read_cluster(paths).hosts,
            load_path=load_path,
            warm_start=warm_start,
        )
        try:
            trained = find_toolkit(preset.toolkit).train(job)
        except TrainingStopped as stopped:
            reporter.message(str(stopped))
            return
        write_artifact(
            paths.model,
            policy=trained.policy,
            environment=preset.environment,
            preset=preset.effective(),
            seed=preset.seed,
            golden_observations=trained.golden_observations,
            figures={"training": trained.figures},
        )
        reporter.message(f"the model artifact is in {paths.model}")


def fingerprint(preset: Preset, load_path: Path | None, warm_start: Path | None) -> str:
    """Return a hash of everything that decides what is trained: it tells checkpoints apart."""
    settings = preset.effective()
    decisive = [settings[key] for key in ("toolkit", "seed", "environment", "training")]
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
    for path in (load_path, warm_start / "policy.npz" if warm_start else None):
        digest.update(b"-" if path is None else hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGTERM has come; put the old handler back at the end."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGTERM, before)


def write_failure(paths: JobPaths | None, text: str) -> None:
    """Write the reason of a failure to where SageMaker reads it, if there is such a place."""
    if paths is None:
        return
    try:
        paths.failure.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        print(f"cannot write {paths.failure}: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
