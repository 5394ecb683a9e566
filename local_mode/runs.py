"""The folders that local servers keep: one for each run, and the caches that outlive them."""

import os
import shutil
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Ignored by git, and removed by `make clean`.
_WORK = ROOT / "output" / ".local-aws"
RUNS = _WORK / "runs"
CACHE = _WORK / "cache"
# Of the runs that left something to look at, or were killed, so many stay.
_KEPT = 10
_PID_FILE = "server.pid"


def new_run() -> Path:
    """Return the folder for a new run, which does not exist yet."""
    return RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"


def note_server(run: Path, pid: int) -> None:
    """Note which process the run belongs to, so that no other one removes its folder."""
    (run / _PID_FILE).write_text(str(pid))


def remove_old_runs() -> None:
    """Remove the folders of old runs whose servers have ended."""
    ended = [run for run in sorted(RUNS.glob("*")) if not _is_running(run)]
    for run in ended[:-_KEPT]:
        shutil.rmtree(run, ignore_errors=True)


def _is_running(run: Path) -> bool:
    try:
        os.kill(int((run / _PID_FILE).read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
