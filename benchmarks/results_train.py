"""Stage 1 of the results: the models, each trained by a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import source_revision
from autoscaling_rl.presets import load_preset
from benchmarks.results_cache import Json, read_json, write_json

TRAIN = Path(__file__).resolve().parents[1] / "training_src" / "train.py"
RECORD, LOG = "training.json", "training.log"


@dataclass(frozen=True)
class Model:
    """A training.

    Attributes:
        preset: name of the preset.
        seed: of the training.
        base: folder of the job.
        hyperparameters: what differs from the preset, by name.
    """

    preset: str
    seed: int
    base: Path
    hyperparameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the model."""
        return f"{self.preset}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Folder of the artifact."""
        return self.base / "model"

    def wanted(self) -> Json:
        """Return what the model is trained by: sources and effective settings."""
        given = {**self.hyperparameters, "seed": str(self.seed)}
        effective = load_preset(self.preset, given).effective()
        return {"source_revision": source_revision(), "preset": effective}

    def is_trained(self) -> bool:
        """Whether the artifact is there, whole, and made from these sources and settings."""
        manifest = read_json(self.folder / "manifest.json")
        if manifest is None or manifest["figures"]["training"].get("stopped"):
            return False
        return {name: manifest[name] for name in ("source_revision", "preset")} == self.wanted()

    def cpu_seconds(self) -> float | None:
        """Return what training took, None if that is not known."""
        record = read_json(self.base / RECORD)
        return record["cpu_seconds"] if record else None


def train_all(models: Sequence[Model], jobs: int) -> None:
    """Train what is not trained yet, so many at a time.

    Raises:
        UserError: a training failed, or the sources changed meanwhile.
    """
    missing = []
    for model in models:
        if model.is_trained():
            print(f"{model.name}: is there already", flush=True)
        else:
            missing.append((model, model.wanted()))
    processes: list[subprocess.Popen[bytes]] = []
    pool = ThreadPoolExecutor(jobs)
    try:
        tasks = [pool.submit(_train, model, wanted, processes) for model, wanted in missing]
        for task in as_completed(tasks):
            print(task.result(), flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            if process.returncode is None:
                process.terminate()  # it saves a checkpoint
        pool.shutdown()


def _train(model: Model, wanted: Json, processes: list[subprocess.Popen[bytes]]) -> str:
    """Run one training to its end and return a line about it."""
    record = read_json(model.base / RECORD) or {}
    if {name: record.get(name) for name in wanted} != wanted:
        # A checkpoint of other sources must not be gone on with.
        shutil.rmtree(model.base, ignore_errors=True)
        record = {**wanted, "cpu_seconds": 0.0}
        write_json(model.base / RECORD, record)
    shutil.rmtree(model.folder, ignore_errors=True)
    code, seconds = _run(_command(model), model.base / LOG, processes)
    record["cpu_seconds"] += seconds
    write_json(model.base / RECORD, record)
    if code:
        raise UserError(f"{model.name}: training ended with status {code}: see {model.base / LOG}")
    if not model.is_trained():
        raise UserError(f"{model.name}: the sources changed during training: run again")
    return f"{model.name}: trained in {record['cpu_seconds']:.0f} CPU-seconds"


def _command(model: Model) -> list[str]:
    command = [sys.executable, str(TRAIN), "--preset", model.preset, "--seed", str(model.seed)]
    for name, value in model.hyperparameters.items():
        command += [f"--{name}", value]
    return [*command, "--base-dir", str(model.base)]


def _run(
    command: list[str], log: Path, processes: list[subprocess.Popen[bytes]]
) -> tuple[int, float]:
    """Run a command and return its exit status and CPU-seconds, those of its children included."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        processes.append(process)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def hyperparameters(words: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUE words as a mapping.

    Raises:
        UserError: a word has another form.
    """
    for word in words:
        if "=" not in word.strip("="):
            raise UserError(f"--set {word}: write NAME=VALUE, e.g. --set steps=100")
    return dict(word.split("=", 1) for word in words)


def trainings(models: Sequence[Model]) -> dict[str, Any]:
    """Return by model what its manifest says of the training, and its CPU-seconds."""
    found = {}
    for model in models:
        manifest = json.loads((model.folder / "manifest.json").read_text(encoding="utf-8"))
        figures = {k: v for k, v in manifest["figures"]["training"].items() if k != "curve"}
        found[model.name] = {"cpu_seconds": model.cpu_seconds(), **figures}
    return found
