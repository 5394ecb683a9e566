"""How much is used, where neither templates nor settings say: assumptions, each with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields


def _assumed(value: float, unit: str, why: str) -> float:
    return field(default=value, metadata={"unit": unit, "why": why})


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """What is assumed; units and reasons are in the fields' metadata, and on the page."""

    executions: float = _assumed(20, "executions a month", "what idle storage is counted from")
    months: float = _assumed(12, "months", "age of the stage: nothing expires what jobs leave")
    training_minutes: float = _assumed(
        10, "minutes", "billed, the start included; the default preset computes two of them"
    )
    evaluation_minutes: float = _assumed(10, "minutes", "billed, the start included")
    spot_saving: float = _assumed(0.6, "of the price", "AWS promises up to 0.9 and nothing fixed")
    start_minutes: float = _assumed(10, "minutes", "until a new fleet of the endpoint answers")
    function_seconds: float = _assumed(10, "seconds", "of each function in an execution")
    object_megabytes: float = _assumed(
        25, "MB", "that an execution leaves in S3; models have less than one"
    )
    object_writes: float = _assumed(100, "requests", "checkpoints and artifacts of an execution")
    object_reads: float = _assumed(300, "requests", "of an execution")
    key_requests: float = _assumed(1000, "requests", "of an execution; the bucket has a bucket key")
    log_megabytes: float = _assumed(10, "MB", "of functions and state machine, an execution")
    job_log_megabytes: float = _assumed(10, "MB", "of its jobs, in a group of SageMaker's")
    messages: float = _assumed(3, "messages", "to the topic, an execution")
    images: float = _assumed(3, "images", "in the repository")
    image_gigabytes: float = _assumed(0.3, "GB", "as pushed, without PyTorch, see image.md")
    access_log_gigabytes: float = _assumed(0.1, "GB", "of access logs that are kept")
    requests: float = _assumed(43_800, "requests a month", "to the endpoint: one each minute")
    request_kilobytes: float = _assumed(5, "kB", "a request, with the minutes since the last one")
    answer_kilobytes: float = _assumed(1, "kB", "an answer")
    request_seconds: float = _assumed(0.5, "seconds", "of a request, cold starts shared out")
    decide_seconds: float = _assumed(0.1, "seconds", "of a decision in the function, likewise")
    endpoint_log_megabytes: float = _assumed(200, "MB a month", "of the endpoint or the function")
    endpoint_volume_gigabytes: float = _assumed(30, "GB", "of an instance: what SageMaker attaches")
    serverless_memory_mb: float = _assumed(2048, "MB", "of the serverless endpoint to compare with")


def assumptions(volumes: Volumes) -> Iterator[tuple[str, float, str, str]]:
    """Yield name, value, unit and reason of each assumption."""
    for item in fields(volumes):
        yield (
            item.name.replace("_", " "),
            getattr(volumes, item.name),
            item.metadata["unit"],
            item.metadata["why"],
        )
