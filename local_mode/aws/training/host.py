"""One host of a running job: its process, its lines, its checkpoints."""

import time

from local_mode.aws.logs import LinePump, LogStream
from local_mode.aws.processes import LocalProcess
from local_mode.aws.training.checkpoints import CheckpointSync
from local_mode.aws.training.container import Container
from local_mode.aws.training.metrics import MetricRecorder

_CHECKPOINT_SECONDS = 2.0


class HostRun:
    """Carries what one process prints into logs and metrics, and its checkpoints to S3."""

    def __init__(
        self,
        container: Container,
        process: LocalProcess,
        log: LogStream,
        recorder: MetricRecorder,
        checkpoints: CheckpointSync | None,
    ) -> None:
        self.container = container
        self.process = process
        self.recorder = recorder
        self._log = log
        self._checkpoints = checkpoints
        self._next_checkpoint = time.monotonic() + _CHECKPOINT_SECONDS
        self._pump = LinePump(process.output, log, on_line=recorder.read, on_flush=recorder.flush)

    def poll(self, seconds: float) -> int | None:
        """Wait a little and do what is due; return the exit code once the process has ended.

        Raises:
            StorageError: If checkpoints cannot be uploaded.
        """
        code = self.process.wait(seconds)
        moment = time.monotonic()
        if self._checkpoints is not None and moment >= self._next_checkpoint:
            self._checkpoints.push()
            self._next_checkpoint = time.monotonic() + _CHECKPOINT_SECONDS
        return code

    def close(self, code: int) -> None:
        """Carry what is left after the process has ended.

        Raises:
            StorageError: If checkpoints cannot be uploaded.
        """
        self._pump.join(5.0)
        self._log.add(f"local process {self.process.pid} ended with exit code {code}")
        self._log.flush()
        self.recorder.flush()
        if self._checkpoints is not None:
            self._checkpoints.push()
