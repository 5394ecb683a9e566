"""The emulated nucleus, with the component's own configuration and rights."""

import json

from local_mode.greengrass.ipc import IpcServer
from tests.edge_src.support import CONFIGURATION, THING

COMPONENT = "com.example.Policy"
TELEMETRY = f"dt/{COMPONENT}/{THING}/telemetry"
COMMAND = f"cmd/{COMPONENT}/{THING}/state"
STATE, DECISION = "autoscaling/state", "autoscaling/decision"


def configuration(**changes):
    """Return the bundle's configuration as the recipe has it."""
    text = json.dumps(CONFIGURATION).replace("{component}", COMPONENT)
    return {**json.loads(text), **changes}


def server(path, profile="lite", **changes):
    return IpcServer(
        path,
        configuration(**changes),
        profile=profile,
        component=COMPONENT,
        thing_name=THING,
    )


def documents(messages):
    """Return the JSON in messages of a topic."""
    return [each.document for each in messages]


def answers(nucleus):
    return documents(nucleus.messages(DECISION))


def telemetry(nucleus, kind=None):
    found = documents(nucleus.iot_core_messages(TELEMETRY))
    return [each for each in found if kind in (None, each["type"])]
