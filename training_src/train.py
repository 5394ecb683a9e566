"""Entry script of the training job: preset + environment -> toolkit -> model artifact.

    python train.py --preset smoke --base-dir DIR [--NAME VALUE ...]
    python train.py --list-presets
    python train.py --preset smoke --describe

On SageMaker the same script reads /opt/ml. Any `--NAME VALUE` is a hyperparameter: a dotted path
of the preset (`training.n_envs`) or a bare name that is unique.

Exit status: 0 trained, or stopped by SIGTERM or Ctrl-C (SageMaker then says Stopped whatever the
status, and keeps the model folder; the manifest's figures say "stopped"); 2 a mistake of the user,
named in one line; 1 a fault, or a second Ctrl-C. For 1 and 2 the reason is in output/failure, which
DescribeTrainingJob shows.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autoscaling_rl.artifact import find_artifact, write_artifact
from autoscaling_rl.bundle_files import look_in_channels
from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.hyperparameters import parse
from autoscaling_rl.job import end_process, run_job, stop_request
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.own_environment import module_hash
from autoscaling_rl.paths import Cluster, JobPaths, check_no_other_load, read_cluster, single_file
from autoscaling_rl.presets import DEFAULT_PRESET, Preset, describe, list_presets, load_preset
from autoscaling_rl.toolkits import TrainingJob, TrainingStopped, find_toolkit


def main(argv: Sequence[str] | None = None) -> int:
    """Run a training job and return the exit status."""
    flags = {
        "help": lambda values: str(__doc__),
        "list-presets": lambda values: list_presets(),
        "describe": lambda values: describe(chosen_preset(values)),
    }
    return run_job(train, argv, name="training", flags=flags)


def chosen_preset(hyperparameters: dict[str, str]) -> Preset:
    """Return the preset that the hyperparameters name, with all of them applied."""
    name = str(parse(hyperparameters.get("preset", DEFAULT_PRESET), str))
    return load_preset(name, hyperparameters)


def train(paths: JobPaths, hyperparameters: dict[str, str]) -> None:
    """Train and write the model artifact.

    Raises:
        UserError: for a mistake of the user.
    """
    look_in_channels(paths.channels)
    preset = chosen_preset(hyperparameters)
    if preset.environment["id"] == AUTOSCALING:
        check_no_other_load(paths)
    load_path, cluster = single_file(paths, "load", ".csv"), read_cluster(paths)
    with (
        reporting(paths, cluster) as reporter,
        tempfile.TemporaryDirectory(prefix="warm-start-") as workspace,
        stop_request() as stop,
    ):
        channel = paths.channels.get("checkpoint") or paths.channels.get("model")
        warm_start = find_artifact(channel, Path(workspace) / "model") if channel else None
        job = TrainingJob(
            preset=preset,
            checkpoints=Checkpoints(
                paths.checkpoints,
                fingerprint=fingerprint(preset, load_path, warm_start, len(cluster.hosts)),
            ),
            reporter=reporter,
            stop=stop,
            hosts=cluster.hosts,
            current_host=cluster.current_host,
            network_interface=cluster.network_interface,
            load_path=load_path,
            warm_start=warm_start,
        )
        try:
            trained = find_toolkit(preset.toolkit).train(job)
        except TrainingStopped as stopped:
            reporter.message(str(stopped))
            return
        if not cluster.leads:
            reporter.message(f"the model artifact is written by {cluster.hosts[0]}")
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


@contextmanager
def reporting(paths: JobPaths, cluster: Cluster) -> Iterator[Reporter]:
    """Give what reports metrics: of several instances only the first does, for all."""
    with (
        open(os.devnull, "w") as nowhere,
        Reporter(tensorboard=paths.tensorboard)
        if cluster.leads
        else Reporter(output=nowhere) as reporter,
    ):
        yield reporter


def fingerprint(
    preset: Preset, load_path: Path | None, warm_start: Path | None, instances: int = 1
) -> str:
    """Return a hash of everything that decides what is trained: it tells checkpoints apart."""
    settings = preset.effective()
    decisive = [settings[key] for key in ("toolkit", "seed", "environment")]
    # Where it is computed is no part of what is: a job may go on without its GPU.
    training = settings["training"].items()
    decisive.append({name: value for name, value in training if name != "device"})
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
    digest.update(module_hash(preset.environment["id"]).encode())
    if instances > 1:
        digest.update(f"{instances} instances".encode())
    for path in (load_path, warm_start / "policy.npz" if warm_start else None):
        digest.update(b"-" if path is None else hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    end_process(main())
