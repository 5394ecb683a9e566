"""The end of a job's process: its status stands, whatever a simulator's library does then."""

import subprocess
import sys

import pytest

from tests.training_src.own import ROOT

# C's own exit handler, as a library of an FMU has one, which ends the process by SIGABRT.
PROGRAM = """
import atexit, ctypes, sys
libc = ctypes.CDLL(None)
libc.on_exit(libc.abort, None)
atexit.register(print, "cleaned up")
if "{loaded}" == "fmpy":
    import fmpy
from autoscaling_rl.job import end_process
print("done", end=" ")
end_process({status})
"""


@pytest.mark.parametrize(
    ("loaded", "status", "seen"), [("fmpy", 0, 0), ("fmpy", 2, 2), ("", 0, -6)]
)
def test_the_status_is_the_jobs(loaded, status, seen):
    program = PROGRAM.format(loaded=loaded, status=status)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "training_src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == seen, done.stderr
    assert done.stdout == "done cleaned up\n"
