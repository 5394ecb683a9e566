"""A local device beside an execution: it takes what the execution deploys, and is asked, too."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_mode.deployment import Deployment
from local_mode.greengrass.device import Device, register
from local_mode.output_folder import write

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]

_PART = 300
"""Minutes of load in a message: nucleus lite takes 10,000 bytes."""


def local_device(client: ClientFactory, deployment: Deployment, folder: Path) -> Device:
    """Register a device in the stage's group; it begins with its `with` block.

    Args:
        client: Returns the boto3 client of a service of the local AWS.
        deployment: The names in use.
        folder: Where the device's files stay.
    """
    thing = f"{deployment.prefix}-local"
    register(client, thing, deployment.thing_group)
    return Device(client, thing, folder)


def ask_device(device: Device, component: str, asked: Mapping[str, Any], folder: Path) -> str:
    """Ask the device what the endpoint was asked; return question and answer in one sentence.

    Args:
        device: The device.
        component: The component that decides.
        asked: What `local_mode.decision.ask` returned.
        folder: Where `device.json` goes.

    Raises:
        TimeoutError: It does not answer.
    """
    messages = list(_messages(asked["body"]))
    for message in messages:
        answer = device.ask(component, message)
    told = {"device": device.thing, "messages": len(messages), "answer": answer}
    write(folder, {"device.json": f"{json.dumps(told)}\n".encode()})
    version = device.versions()[component]
    where = f"Device {device.thing} (a local process), {component} {version}"
    if "error" in answer:
        return f"{where}: refused, {answer['error']['message']}"
    if "desired" not in answer:
        return f"{where}, asked the same: action {answer['actions'][0]}"
    return (
        f"{where}, told the same load over its IPC in {len(messages)} messages: "
        f"{answer['desired']} machines, {answer['action']:+d}, decided by {answer['source']}"
    )


def _messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the endpoint's question in parts, oldest load first."""
    if "states" not in body:
        yield {"observations": body["observations"]}
        return
    [state] = body["states"]
    load, now = state["load"], datetime.fromisoformat(state["timestamp"])
    for start in range(0, max(1, len(load)), _PART):
        part = load[start : start + _PART]
        left = len(load) - start - len(part)
        minute = now - timedelta(minutes=left)
        yield {**state, "load": part, "timestamp": f"{minute:%Y-%m-%dT%H:%MZ}"}
