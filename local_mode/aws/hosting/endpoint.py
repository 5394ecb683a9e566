"""One endpoint: its variants' processes, and how it changes from one configuration to the next."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from local_mode.aws.hosting.serving import (
    ServingError,
    ServingLauncher,
    ServingModel,
    ServingProcess,
)
from local_mode.aws.protocol import AwsError, Document, now, validation_error
from local_mode.aws.resources import resource_arn

# A process that served this long and then died gets a new chance to be restarted.
_STABLE_SECONDS = 60.0
_RESTART_DELAY_SECONDS = 1.0


class Endpoint:
    """An endpoint with one process for each variant of its configuration."""

    def __init__(self, name: str, launcher: ServingLauncher) -> None:
        self.name = name
        self.arn = resource_arn("endpoint", name)
        self._launcher = launcher
        self._lock = threading.RLock()
        self._status = "Creating"
        self._reason = ""
        self._config: Document = {}
        self._pending: Document = {}
        self._serving: dict[str, ServingProcess] = {}
        self._lost = ""  # why what served serves no longer
        self._created: datetime = now()
        self._modified: datetime = self._created

    @property
    def status(self) -> str:
        """EndpointStatus."""
        with self._lock:
            return self._status

    def begin(
        self, status: str, *, allowed: Sequence[str], pending: Document | None = None
    ) -> None:
        """Go over to a status of change, so that no second change starts.

        Args:
            status: The new status.
            allowed: The statuses from which it may be entered.
            pending: The configuration that is to come.

        Raises:
            AwsError: If the endpoint is in no status that allows it.
        """
        with self._lock:
            if self._status not in allowed:
                words = "in-progress" if self._status.endswith("ing") else self._status
                raise validation_error(f'Cannot update {words} endpoint "{self.arn}".')
            self._pending = pending or {}
            self._set(status)

    def apply(self, config: Document, models: Sequence[ServingModel]) -> None:
        """Bring a configuration to serve; on failure the one that serves now stays."""
        with self._lock:
            self._config = self._config or config
        started: dict[str, ServingProcess] = {}
        try:
            for model in models:
                started[model.variant] = self._launcher.start(model)
            for process in started.values():
                process.wait_until_healthy()
        except Exception as error:  # a fault must end in a status as well as a mistake
            for process in started.values():
                process.retire()
            reason = str(error) if isinstance(error, ServingError) else f"InternalFailure: {error}"
            with self._lock:
                serves = self._serving and not self._lost
                self._set("InService" if serves else "Failed", self._lost or reason)
            return
        with self._lock:
            previous, self._serving = self._serving, started
            self._config, self._lost = config, ""
            self._set("InService")
        for process in started.values():
            self._guard(process)
        _retire(previous)

    def close(self) -> None:
        """End every process."""
        with self._lock:
            previous, self._serving = self._serving, {}
        _retire(previous)

    @contextlib.contextmanager
    def borrow(self, variant: str | None) -> Iterator[ServingProcess]:
        """Lend the process that answers a request: of the variant named, else by weight.

        Raises:
            AwsError: If the variant is unknown, or the endpoint does not serve.
        """
        with self._lock:
            if not self._serving:
                raise AwsError("ValidationError", f"Endpoint {self.name} is not serving.")
            process = self._serving.get(variant or self._pick())
            if process is None:
                raise AwsError("ValidationError", f"Variant {variant} of {self.name} not found.")
            process.begin()
        try:
            yield process
        finally:
            process.end()

    def describe(self) -> Document:
        """Return what DescribeEndpoint answers."""
        with self._lock:
            document: Document = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self._config.get("EndpointConfigName", ""),
                "EndpointStatus": self._status,
                "CreationTime": self._created,
                "LastModifiedTime": self._modified,
            }
            if self._serving:
                document["ProductionVariants"] = [
                    _variant_summary(variant) for variant in self._config["ProductionVariants"]
                ]
            if self._status == "Updating":
                name = self._pending.get("EndpointConfigName", "")
                document["PendingDeploymentSummary"] = {"EndpointConfigName": name}
            if self._reason:
                document["FailureReason"] = self._reason
            return document

    def _set(self, status: str, reason: str = "") -> None:
        self._status, self._reason, self._modified = status, reason, now()

    def _lose(self, process: ServingProcess, reason: str) -> None:
        """Fail because a process serves no longer; a change in progress ends by itself."""
        with self._lock:
            if self._is_serving(process):
                self._lost = reason
                if not self._status.endswith("ing"):
                    self._set("Failed", reason)

    def _pick(self) -> str:
        variants = self._config["ProductionVariants"]
        weights = [_weight(variant) for variant in variants]
        if not any(weights):
            weights = [1.0] * len(variants)
        return str(random.choices(variants, weights)[0]["VariantName"])

    def _guard(self, process: ServingProcess) -> None:
        threading.Thread(target=self._restart_when_dead, args=(process,), daemon=True).start()

    def _restart_when_dead(self, process: ServingProcess) -> None:
        """Replace a process that died by a new one, once; a second death fails the endpoint."""
        code = process.process.wait()
        variant = process.model.variant
        if not self._is_serving(process):
            return
        stable = time.monotonic() - process.healthy_since >= _STABLE_SECONDS
        reason = f"The local process of variant {variant} ended with exit code {code}"
        if process.restarted and not stable:
            self._lose(process, f"{reason} again after one restart.")
            return
        time.sleep(_RESTART_DELAY_SECONDS)
        successor: ServingProcess | None = None
        try:
            successor = self._launcher.start(process.model)
            successor.restarted = True
            successor.wait_until_healthy()
        except Exception as error:  # whatever went wrong, the endpoint must say so
            self._lose(process, f"{reason}, and its restart failed: {error}")
            if successor is not None:
                successor.retire()
            return
        with self._lock:
            wanted = self._is_serving(process)
            if wanted:
                self._serving[variant] = successor
        if wanted:
            self._guard(successor)
            process.retire()  # its folder, too, is needed no longer
        else:
            successor.retire()

    def _is_serving(self, process: ServingProcess) -> bool:
        with self._lock:
            return self._serving.get(process.model.variant) is process and not process.retired


def _weight(variant: Mapping[str, object]) -> float:
    return float(str(variant.get("InitialVariantWeight", 1.0)))


def _variant_summary(variant: Document) -> Document:
    named = {
        "VariantName": variant["VariantName"],
        "CurrentWeight": _weight(variant),
        "DesiredWeight": _weight(variant),
    }
    size = variant.get("ServerlessConfig")
    if size:  # it has no instances to count, though one process serves it here as well
        return named | {"CurrentServerlessConfig": size, "DesiredServerlessConfig": size}
    count = variant.get("InitialInstanceCount", 1)
    return named | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


def _retire(processes: Mapping[str, ServingProcess]) -> None:
    for process in processes.values():
        process.retire()
