"""Metrics that a job prints: found by the regexes of its request, kept in the local CloudWatch."""

import contextlib
import math
import re
import threading
from collections.abc import Sequence
from datetime import datetime

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from local_mode.aws.protocol import Document, now, validation_error

NAMESPACE = "/aws/sagemaker/TrainingJobs"
# CloudWatch refuses a call with more data than this.
_MAX_DATA = 1_000


def compile_definitions(definitions: Sequence[Document]) -> dict[str, "re.Pattern[str]"]:
    """Return the regex of each metric name.

    Raises:
        AwsError: ValidationException if a regex is broken or has no group to take the value from.
    """
    patterns = {}
    for definition in definitions:
        name, text = definition["Name"], definition["Regex"]
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise validation_error(
                f"Metric {name}: the regex {text!r} is broken: {error}"
            ) from None
        if not pattern.groups:
            raise validation_error(f"Metric {name}: the regex {text!r} has no group for the value")
        patterns[name] = pattern
    return patterns


def find_values(patterns: dict[str, "re.Pattern[str]"], line: str) -> list[tuple[str, float]]:
    """Return every (metric, value) that one line holds; what is no finite number is left out."""
    found = []
    for name, pattern in patterns.items():
        match = pattern.search(line)
        if match is None:
            continue
        with contextlib.suppress(ValueError, TypeError):
            value = float(match.group(1))
            if math.isfinite(value):
                found.append((name, value))
    return found


class MetricRecorder:
    """The metrics of one job. Reading a line is cheap; `flush` makes the values visible."""

    def __init__(
        self, client: BaseClient, patterns: dict[str, "re.Pattern[str]"], job_name: str
    ) -> None:
        self._client = client
        self._patterns = patterns
        self._dimensions = [{"Name": "TrainingJobName", "Value": job_name}]
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, float, datetime]] = []
        self._last: dict[str, tuple[float, datetime]] = {}

    def read(self, line: str) -> None:
        """Keep the values that a line of the job's output holds."""
        values = find_values(self._patterns, line)
        if not values:
            return
        moment = now()
        with self._lock:
            for name, value in values:
                self._waiting.append((name, value, moment))
                self._last[name] = (value, moment)

    def final(self) -> list[Document]:
        """Return the last value of each metric, as DescribeTrainingJob lists them."""
        with self._lock:
            return [
                {"MetricName": name, "Value": value, "Timestamp": moment}
                for name, (value, moment) in self._last.items()
            ]

    def flush(self) -> None:
        """Write the waiting values. Metrics that cannot be written never end a job."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _MAX_DATA):
            data = [
                {
                    "MetricName": name,
                    "Dimensions": self._dimensions,
                    "Timestamp": moment,
                    "Value": value,
                }
                for name, value, moment in waiting[start : start + _MAX_DATA]
            ]
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
