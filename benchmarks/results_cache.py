"""What was computed once and need not be computed again: JSON files with the key they hang on."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from autoscaling_rl.manifest import source_revision

Json = dict[str, Any]
JUDGES = ("results_judge.py", "results_places.py", "results_times.py")


def judging_key(programs: Iterable[str] = JUDGES) -> Json:
    """Return what every figure that is judged hangs on: the sources of policy and programs."""
    digest = hashlib.sha256()
    for name in programs:
        digest.update((Path(__file__).parent / name).read_bytes())
    return {"source": source_revision(), "benchmark": digest.hexdigest()[:12]}


def cached(path: Path, key: Mapping[str, Any], compute: Callable[[], Json]) -> Json:
    """Return the value in a file if its key is the same; else compute and write it.

    Args:
        path: the file.
        key: JSON values (times become text) that the value hangs on.
        compute: returns the value, a JSON object.
    """
    plain = json.loads(json.dumps(key, default=str))
    if (known := read_json(path)) is not None and known.get("key") == plain:
        value: Json = known["value"]
        return value
    value = compute()
    write_json(path, {"key": plain, "value": value})
    return value


def read_json(path: Path) -> Json | None:
    """Return the object in a file; None if there is no such file."""
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object so that the file is whole or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)
