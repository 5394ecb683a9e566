"""GitHub's workflows, as the tests read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))

Job = dict[str, Any]


def load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def jobs(file: Path) -> dict[str, Job]:
    return load(file)["jobs"]


def every_job() -> Iterator[tuple[str, Path, Job]]:
    for file in FILES:
        for name, job in jobs(file).items():
            yield f"{file.name}, {name}", file, job


def steps_using(job: Job, action: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]


def scripts(job: Job) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def every_script() -> list[str]:
    return [script for _, _, job in every_job() for script in scripts(job)]


def triggers(file: Path) -> dict[str, Any]:
    return load(file)[True]  # YAML 1.1 reads the key `on` so
