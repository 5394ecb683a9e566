"""One question to the endpoint, in words that a person can check."""

import csv
import json
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_mode.execution import Finished
from local_mode.output_folder import write

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]


def ask(client: ClientFactory, finished: Finished, folder: Path) -> dict[str, Any]:
    """Ask the deployed policy for one decision; return the question and the answer.

    A policy of the bundled problem gets the load of the evaluated window and the machines that it
    had at the window's end; any other policy gets an observation of zeros.
    """
    manifest = _manifest(folder / "model.tar.gz")
    if manifest["input"] == "states":
        body: dict[str, Any] = {"states": [_state(folder / "trajectories.csv", manifest)]}
    else:
        body = {"observations": [[0.0] * manifest["observation"]["shape"][0]]}
    response = client("sagemaker-runtime").invoke_endpoint(
        EndpointName=finished.output["endpoint_name"],
        ContentType="application/json",
        Body=json.dumps(body),
    )
    answer = json.loads(response["Body"].read())
    asked = {"endpoint": finished.output["endpoint_name"], "body": body, "answer": answer}
    write(folder, {"decision.json": f"{json.dumps(asked)}\n".encode()})
    return asked


def describe(asked: Mapping[str, Any]) -> str:
    """Return question and answer in one sentence."""
    answer = asked["answer"]
    where = f"Endpoint {asked['endpoint']}"
    if "desired" not in answer:
        return f"{where}, asked with an observation of zeros: action {answer['actions'][0]}"
    state = asked["body"]["states"][0]
    return (
        f"{where}, asked with the load of the evaluated window, {state['active']} machines in "
        f"service, {sum(state['pending'])} on their way and {state['load'][-1]:.0f} requests in "
        f"the last minute ({state['capacity']:g} per machine): {answer['desired'][0]} machines, "
        f"{answer['actions'][0]:+d}"
    )


def _manifest(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member) if member.name.endswith("manifest.json") else None
            if file is not None:
                content: dict[str, Any] = json.loads(file.read())
                return content
    raise RuntimeError(f"{archive} holds no manifest.json")


def _state(trajectories: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    load, active, pending = [], 0, 0
    with trajectories.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["policy"] == "policy":
                load.append(float(row["load"]))
                active, pending = int(row["active"]), int(row["pending"])
    settings = manifest["environment"]["settings"]
    mean = sum(load) / max(1, len(load))
    return {
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "load": load,
        "active": active,
        "pending": [pending] if pending else [],
        "capacity": max(mean / settings["mean_machines"], 1e-6),
        "warmup_minutes": settings["warmup_minutes"],
        "failure_price": settings["failure_price"],
        "min_machines": settings["min_machines"],
        "max_machines": settings["max_machines"],
    }
