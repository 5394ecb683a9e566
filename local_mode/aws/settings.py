"""Where one local AWS lives: its port and folders, its clients, and what its processes inherit."""

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from botocore.client import BaseClient

from local_mode.clients import client_environment, make_client

# What a local process may see of the environment in which the server was started; a container on
# AWS would see nothing of it.
_INHERITED = (
    # Set only while the tests measure what they cover.
    "COVERAGE_PROCESS_CONFIG",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    # Where a job gets the packages from that its preset requires.
    "PIP_CERT",
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "TMPDIR",
    "XDG_CACHE_HOME",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One local AWS.

    Attributes:
        port: TCP port on 127.0.0.1.
        state_dir: Folder of this server alone: jobs, endpoints, functions.
        cache_dir: Folder that servers share and that outlives them: code, and
            compiled kernels unless `NUMBA_CACHE_DIR` says where they lie.
        max_training_jobs: Training jobs that may run at a time, the account's service quota.
        stop_grace: Seconds between SIGTERM and SIGKILL for a training job.
        startup_limit: Seconds that a `serve` process may take until it answers /ping, whatever
            longer time its endpoint configuration allows.
    """

    port: int
    state_dir: Path
    cache_dir: Path
    max_training_jobs: int = 4
    stop_grace: float = 120.0
    startup_limit: float = 240.0
    _clients: dict[str, BaseClient] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def endpoint_url(self) -> str:
        """The address of the local AWS."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> BaseClient:
        """Return the shared client of a service: making one is neither cheap nor thread-safe."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = make_client(service, self.endpoint_url)
            return self._clients[service]

    def process_environment(self) -> dict[str, str]:
        """Return the environment that every local process starts from."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        return {
            **inherited,
            **client_environment(self.endpoint_url),
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
        }
