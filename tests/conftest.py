"""Settings of the tests' processes, and which tests stay together where there are several."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Their tests share what takes long to make: the first synthesis of a process, the local AWS.
TOGETHER = ("stacks", "local_mode", "estimator")

# A process for each core is enough: threads of NumPy and PyTorch would wait for each other.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# Copies of the bundle take the kernels that the bundle itself has compiled; folders name versions.
_package = Path(__file__).resolve().parents[1] / "training_src" / "autoscaling_rl"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_package / "__pycache__"))

# No deadlines: the first call of a compiled function takes seconds. `make verify` takes `long`.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("default")


class Together(LoadScopeScheduling):
    """Keeps the tests of a file, or of a folder that shares fixtures, in one process.

    The plugin's own groups (`xdist_group`) get lost with pytest 9.2: pytest-xdist's issue 1386.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        room = file.removeprefix("tests/").partition("/")[0]
        return room if room in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """Return what spreads the tests over processes."""
    return Together(config, log)
