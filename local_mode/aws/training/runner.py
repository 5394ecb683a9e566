"""The life of one training job, from its input in S3 to its artifacts in S3."""

import contextlib
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_mode.aws.bundles import BundleError, Bundles, named_program
from local_mode.aws.logs import LogStream
from local_mode.aws.processes import ProcessKeeper, free_port
from local_mode.aws.protocol import now
from local_mode.aws.settings import Settings
from local_mode.aws.storage import S3Location, Storage, StorageError
from local_mode.aws.training.artifacts import upload_model, upload_output
from local_mode.aws.training.checkpoints import CheckpointSync
from local_mode.aws.training.container import Container
from local_mode.aws.training.drivers import brings_drivers, driver_command
from local_mode.aws.training.host import HostRun
from local_mode.aws.training.inputs import download_inputs
from local_mode.aws.training.isolation import SUBMIT, with_bundle_in_s3
from local_mode.aws.training.job import TrainingJob
from local_mode.aws.training.metrics import MetricRecorder, compile_definitions
from local_mode.aws.training.watch import Ending, watch

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_MAX_FAILURE = 1024
_logger = logging.getLogger(__name__)


class _JobFailedError(Exception):
    """Ends the job as Failed; the text is its FailureReason."""


class _JobStoppedError(Exception):
    """Ends the job as Stopped before its process has started."""


@dataclass(frozen=True)
class _Program:
    """What a host runs, where, and where its compiled kernels are kept."""

    name: str
    command: list[str]
    folder: Path
    kernel_cache: Path


class JobRunner:
    """Runs training jobs; each call of `run` belongs to a thread of its own."""

    def __init__(
        self, settings: Settings, keeper: ProcessKeeper, storage: Storage, bundles: Bundles
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._storage = storage
        self._bundles = bundles

    def run(self, job: TrainingJob) -> None:
        """Run the job to its end. Whatever happens, the job is never left in progress."""
        folder = self._settings.state_dir / "training" / job.name
        hosts: list[HostRun] = []
        try:
            with tempfile.TemporaryDirectory(prefix="opt-ml-") as links:
                self._run(job, folder, Path(links), hosts)
        except _JobStoppedError:
            job.finish("Stopped", "Stopped", "Stopped before the local process had started")
        except _JobFailedError as failure:
            job.finish("Failed", "Failed", "Training job failed", reason=str(failure))
        except BaseException as fault:
            _logger.exception("training job %s", job.name)
            reason = f"InternalServerError: {type(fault).__name__}: {fault}"
            job.finish("Failed", "Failed", "Training job failed", reason=reason)
        finally:
            for host in hosts:
                host.process.stop(0.0)
            if job.status != "Failed":
                shutil.rmtree(folder, ignore_errors=True)

    def _run(self, job: TrainingJob, folder: Path, links: Path, hosts: list[HostRun]) -> None:
        output = S3Location.parse(job.request["OutputDataConfig"]["S3OutputPath"])
        try:
            self._storage.require_bucket(output)
        except StorageError as error:
            raise _JobFailedError(
                f"ClientError: Artifact upload failed:Error 7: {error}"
            ) from error
        containers = _make_containers(job, folder)
        job.enter("Downloading", "Downloading input data")
        try:
            syncs = [download_inputs(self._storage, job.request, one) for one in containers]
        except StorageError as error:
            raise _JobFailedError(f"ClientError: Data download failed:{error}") from error
        programs = [self._program(job, one, links) for one in containers]
        if job.stop_requested.is_set():
            raise _JobStoppedError
        self._start(job, containers, programs, syncs, hosts)
        job.set(TrainingStartTime=now())
        pids = ", ".join(str(host.process.pid) for host in hosts)
        job.enter("Training", f"Training in progress as local process {pids}")
        recorder = hosts[0].recorder
        limit = job.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        try:
            ending = watch(job, hosts, limit=limit, grace=self._settings.stop_grace)
        except StorageError as error:
            raise _JobFailedError(
                f"ClientError: Artifact upload failed:Error 7: {error}"
            ) from error
        finally:
            job.set(FinalMetricDataList=recorder.final())
        self._conclude(job, containers, ending, output.child(f"{job.name}/output"))

    def _program(self, job: TrainingJob, container: Container, links: Path) -> _Program:
        if brings_drivers(job.request):
            # Its code lies in a folder of this job alone: no other one can use its kernels.
            cache = container.base / "kernels"
            cache.mkdir()
            command = driver_command(container, links)
            return _Program(" ".join(command), command, container.base, cache)
        try:
            program, location = named_program(
                with_bundle_in_s3(job.request),
                "sagemaker_program",
                SUBMIT,
            )
            code = self._bundles.fetch(location, program)
        except BundleError as error:
            raise _JobFailedError(f"AlgorithmError: {error}, exit code: 1") from error
        return _Program(program, [sys.executable, program], code, self._bundles.kernel_cache)

    def _start(
        self,
        job: TrainingJob,
        containers: Sequence[Container],
        programs: Sequence[_Program],
        syncs: Sequence[CheckpointSync | None],
        hosts: list[HostRun],
    ) -> None:
        definitions = job.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        recorder = MetricRecorder(
            self._settings.client("cloudwatch"), compile_definitions(definitions), job.name
        )
        base = self._settings.process_environment()
        for container, program, sync in zip(containers, programs, syncs, strict=True):
            stream = f"{job.name}/{container.base.name}-{int(time.time())}"
            log = LogStream(self._settings.client("logs"), LOG_GROUP, stream)
            process = self._keeper.start(
                program.command,
                cwd=program.folder,
                environment=container.environment(base, program.kernel_cache),
            )
            log.add(f"local process {process.pid} runs {program.name} (no SageMaker instance does)")
            hosts.append(HostRun(container, process, log, recorder, sync))

    def _conclude(
        self,
        job: TrainingJob,
        containers: Sequence[Container],
        ending: Ending,
        target: S3Location,
    ) -> None:
        stopped = ending.cause in ("stop", "time")
        if ending.failed is not None and not stopped:
            with contextlib.suppress(StorageError):
                upload_output(self._storage, containers, target)
            raise _JobFailedError(_algorithm_error(ending.failed.container, ending.code))
        job.enter("Uploading", "Uploading generated training model")
        try:
            model = upload_model(self._storage, containers, target)
            upload_output(self._storage, containers, target)
        except StorageError as error:
            raise _JobFailedError(
                f"ClientError: Artifact upload failed:Error 7: {error}"
            ) from error
        job.set(ModelArtifacts={"S3ModelArtifacts": model.uri})
        if not stopped:
            job.finish("Completed", "Completed", "Training job completed")
        elif ending.cause == "time":
            job.finish("Stopped", "MaxRuntimeExceeded", "Stopped after MaxRuntimeInSeconds")
        else:
            job.finish("Stopped", "Stopped", "Training job stopped")


def _upload_failed(error: StorageError) -> _JobFailedError:
    return _JobFailedError(f"ClientError: Artifact upload failed:Error 7: {error}")


def _make_containers(job: TrainingJob, folder: Path) -> list[Container]:
    count = job.request["ResourceConfig"].get("InstanceCount", 1)
    # Every address 127.0.0.n is this machine, and each resolves without a name server.
    names = tuple(f"127.0.0.{number}" for number in range(1, count + 1))
    shutil.rmtree(folder, ignore_errors=True)
    containers, port = [], free_port() if count > 1 else 0
    for number, name in enumerate(names, 1):
        containers.append(Container(folder / f"algo-{number}", job.request, name, names, port))
        containers[-1].prepare()
    return containers


def _algorithm_error(container: Container, code: int) -> str:
    try:
        text = container.failure.read_text("utf-8", "replace")[:_MAX_FAILURE].strip()
    except OSError:
        text = ""
    text = text or _signal_of(code)
    suffix = f", exit code: {code}"
    # The whole reason has a limit as well, and the exit code must survive it.
    return f"AlgorithmError: {text}"[: _MAX_FAILURE - len(suffix)] + suffix


def _signal_of(code: int) -> str:
    """Return which signal ended a program, empty if it ended by itself."""
    number = -code if code < 0 else code - 128
    if number not in signal.valid_signals():
        return ""
    often = ", often for want of memory" if number == signal.SIGKILL else ""
    return f"ended by signal {number}{often}"
