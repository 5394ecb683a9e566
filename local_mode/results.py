"""What an execution leaves behind: fetched from the local S3, and shown as a table."""

import contextlib
import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local_mode.execution import Finished
from local_mode.output_folder import write

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]

_COLUMNS = (
    ("failed %", "failed_percent", "{:.3f}"),
    ("machine-h", "machine_hours", "{:,.0f}"),
    ("J / oracle", "J_over_oracle", "{:.3f}"),
    ("gap closed", "gap_closed", "{:+.2f}"),
    ("bad minutes", "slo_minutes", "{:,.0f}"),
    ("longest", "longest_outage_minutes", "{:,.0f}"),
    ("changes/day", "changes_per_day", "{:.0f}"),
)
_RETURNS = (
    ("mean return", "mean_return", "{:,.1f}"),
    ("deviation", "standard_deviation", "{:,.1f}"),
)
# Time in which the workflow itself does nothing: jobs and the start of the server.
_WORK = ("Train", "TrainWithChannels", "Evaluate", "WaitForEndpoint")


def fetch(client: ClientFactory, finished: Finished, folder: Path) -> dict[str, Any]:
    """Write scorecard, report, trajectories and model into `folder`; return the scorecard."""
    card = _get(client, finished.output["scorecard_s3_uri"])
    bucket, key = _split(finished.output["scorecard_s3_uri"])
    report = f"s3://{bucket}/{key.rpartition('/')[0]}/report.html"
    told = json.dumps({"output": finished.output, "seconds": finished.seconds}, indent=1)
    archives = {name: _get(client, uri) for name, uri in _job_outputs(client).items()}
    files = {
        "scorecard.json": card,
        "report.html": _get(client, report),
        "execution.json": f"{told}\n".encode(),
        "model.tar.gz": archives["model.tar.gz"],
    }
    drawn = _members(archives["output.tar.gz"], ("trajectories.csv", "picture.png"))
    write(folder, files | drawn)
    content: dict[str, Any] = json.loads(card)
    return content


def _job_outputs(client: ClientFactory) -> dict[str, str]:
    """Return the newest job's archives, the evaluation's: model and output."""
    jobs = client("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Descending")
    newest = jobs["TrainingJobSummaries"][0]["TrainingJobName"]
    job = client("sagemaker").describe_training_job(TrainingJobName=newest)
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    return {"model.tar.gz": model, "output.tar.gz": model.replace("model.tar.gz", "output.tar.gz")}


def rescue(client: ClientFactory, folder: Path) -> list[Path]:
    """Keep what jobs of an execution without results have produced; return the files."""
    kept = []
    for job in client("sagemaker").list_training_jobs()["TrainingJobSummaries"]:
        name = job["TrainingJobName"]
        described = client("sagemaker").describe_training_job(TrainingJobName=name)
        model = described.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
        for archive in ("model.tar.gz", "output.tar.gz") if model else ():
            uri = model.replace("model.tar.gz", archive)
            with contextlib.suppress(client("s3").exceptions.ClientError):
                content = _get(client, uri)
                if not _is_empty(content):
                    write(folder / name, {archive: content})
                    kept.append(folder / name / archive)
    return kept


def wait_for_jobs(client: ClientFactory, seconds: float = 15.0) -> None:
    """Wait, for a while, until jobs that are told to stop have: a training leaves a model then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        jobs = client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        if not any(job["TrainingJobStatus"] in ("InProgress", "Stopping") for job in jobs):
            return
        time.sleep(0.2)


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def _get(client: ClientFactory, uri: str) -> bytes:
    bucket, key = _split(uri)
    body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _is_empty(archive: bytes) -> bool:
    with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.next() is None
    return False


def _members(archive: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar.getmembers():
            name = member.name.removeprefix("./")
            file = tar.extractfile(member) if name in names else None
            if file is not None:
                found[name] = file.read()
    return found


def table(card: Mapping[str, Any]) -> str:
    """Return the figures of every policy as a table, best J or return first."""
    columns = _COLUMNS if card["metric"] == "J" else _RETURNS
    order = sorted(
        card["policies"].items(),
        key=lambda item: sum(item[1]["values"]) * (1 if card["metric"] == "J" else -1),
    )
    rows = [["", *(title for title, _, _ in columns)]]
    for name, figures in order:
        cells = [_cell(figures.get(key), form) for _, key, form in columns]
        rows.append([f"* {name}" if name == "policy" else f"  {name}", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(["", *lines, ""])


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def closing(finished: Finished, folder: Path, total: float) -> str:
    """Return the last lines: the verdict, where the results are, and where the time went."""
    work = sum(finished.seconds.get(state, 0.0) for state in _WORK)
    training = finished.seconds.get("Train", 0.0) + finished.seconds.get("TrainWithChannels", 0.0)
    return "\n".join(
        (
            f"{finished.status}: {finished.output.get('reason', '')}",
            f"Report: {folder / 'report.html'}",
            f"{total:.0f} s in all: training {training:.0f} s, evaluation "
            f"{finished.seconds.get('Evaluate', 0.0):.0f} s, the workflow itself "
            f"{total - work:.0f} s. Everything ran as local processes.",
        )
    )
