"""One `serve` process: what a model container of an endpoint is on AWS."""

import http.client
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_mode.aws.archives import ArchiveError, extract
from local_mode.aws.bundles import BundleError, Bundles, named_program
from local_mode.aws.logs import LinePump, LogStream
from local_mode.aws.processes import LocalProcess, ProcessKeeper, free_port
from local_mode.aws.settings import Settings
from local_mode.aws.storage import S3Location, Storage, StorageError

LOG_GROUP = "/aws/sagemaker/Endpoints"
_PING_SECONDS = 0.05
_DRAIN_SECONDS = 60.0
_STOP_SECONDS = 30.0


class ServingError(Exception):
    """A model that could not be brought to serve; the text is the endpoint's FailureReason."""


@dataclass(frozen=True)
class ServingModel:
    """What a variant serves.

    Attributes:
        endpoint: Name of the endpoint.
        variant: Name of the production variant.
        data: The model archive.
        environment: The container's environment, with the program and its bundle.
        startup_seconds: How long the process may take until it answers /ping.
    """

    endpoint: str
    variant: str
    data: S3Location
    environment: Mapping[str, str]
    startup_seconds: float


class ServingProcess:
    """A `serve` process on a free loopback port, with the requests it is answering."""

    def __init__(self, model: ServingModel, process: LocalProcess, port: int, base: Path) -> None:
        self.model = model
        self.process = process
        self.port = port
        self.retired = False
        self.restarted = False
        self.healthy_since = 0.0
        self._base = base
        self._answering = 0
        self._idle = threading.Condition()

    def wait_until_healthy(self) -> None:
        """Wait for the first 200 of GET /ping.

        Raises:
            ServingError: If the process ends before that, or takes too long.
        """
        deadline = time.monotonic() + self.model.startup_seconds
        failed = (
            f"The primary container for production variant {self.model.variant} did not pass the "
            "ping health check. Please check CloudWatch logs for this endpoint."
        )
        while time.monotonic() < deadline and not self.retired:
            code = self.process.wait(_PING_SECONDS)
            if code is not None:
                raise ServingError(f"{failed} (local process ended with exit code {code})")
            if self._answers_ping():
                self.healthy_since = time.monotonic()
                return
        raise ServingError(f"{failed} (no answer in {self.model.startup_seconds:.0f} s)")

    def begin(self) -> None:
        """Count a request that is being answered."""
        with self._idle:
            self._answering += 1

    def end(self) -> None:
        """Count a request as answered."""
        with self._idle:
            self._answering -= 1
            self._idle.notify_all()

    def retire(self) -> None:
        """Let the requests in flight be answered, then end the process for good."""
        self.retired = True
        with self._idle:
            self._idle.wait_for(lambda: self._answering == 0, _DRAIN_SECONDS)
        self.process.stop(_STOP_SECONDS)
        shutil.rmtree(self._base, ignore_errors=True)

    def _answers_ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class ServingLauncher:
    """Starts `serve` processes."""

    def __init__(
        self, settings: Settings, keeper: ProcessKeeper, storage: Storage, bundles: Bundles
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._storage = storage
        self._bundles = bundles

    def start(self, model: ServingModel) -> ServingProcess:
        """Unpack the model and start its process, which is not healthy yet.

        Raises:
            ServingError: If the model archive or the bundle is missing or broken.
        """
        base = self._settings.state_dir / "endpoints" / f"{model.endpoint}-{uuid.uuid4().hex[:8]}"
        try:
            self._storage.download(model.data, base / "model.tar.gz")
            extract(base / "model.tar.gz", base / "model")
            program, location = named_program(
                model.environment, "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"
            )
            code = self._bundles.fetch(location, program)
        except StorageError as error:
            reason = f"Failed to download model data for container from {model.data.uri}: {error}"
            raise ServingError(reason) from error
        except (ArchiveError, BundleError) as error:
            raise ServingError(f"Failed to prepare the model container: {error}") from error
        (base / "model.tar.gz").unlink()
        port = free_port()
        environment = {
            **self._settings.process_environment(),
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SM_MODEL_DIR": str(base / "model"),
            "NUMBA_CACHE_DIR": str(self._bundles.kernel_cache),
            **model.environment,
        }
        process = self._keeper.start([sys.executable, program], cwd=code, environment=environment)
        stream = f"{model.variant}/local-process-{process.pid}"
        group = f"{LOG_GROUP}/{model.endpoint}"
        log = LogStream(self._settings.client("logs"), group, stream)
        log.add(f"local process {process.pid} runs {program} (no SageMaker instance does)")
        LinePump(process.output, log)
        return ServingProcess(model, process, port, base)
