"""Rules that count what AWS IoT Greengrass tells of the devices; alarms watch the counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_events as events
from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class DeviceEvent:
    """Something that happens on a device, as EventBridge tells it.

    Attributes:
        description: What has happened, and where to look.
        detail_type: Of the event.
        detail: What it holds.
    """

    description: str
    detail_type: str
    detail: Mapping[str, object]


def device_events(component: str) -> dict[str, DeviceEvent]:
    """Return the events that are counted, by the ids of their rules."""
    broken = {"componentName": [component], "lifecycleState": ["BROKEN", "ERRORED"]}
    return {
        "Broken": DeviceEvent(
            description="The component broke on a device: see its log on the device, and its "
            "telemetry",
            detail_type="Greengrass V2 Installed Component Status Change",
            detail={"components": broken},
        ),
        "Failed": DeviceEvent(
            description="A device did not take a deployment: "
            "aws greengrassv2 list-effective-deployments",
            detail_type="Greengrass V2 Effective Deployment Status Change",
            detail={"coreDeviceExecutionStatus": ["FAILED", "REJECTED"]},
        ),
    }


def rule_name(prefix: str, id_: str) -> str:
    """Return the name of a rule, by which EventBridge counts what it matches."""
    return f"{prefix}-devices-{id_.lower()}"


class DeviceEvents(Construct):
    """The rules, without targets: a fleet would fill the topic."""

    def __init__(self, scope: Construct, id_: str, *, prefix: str, component: str) -> None:
        super().__init__(scope, id_)
        for name, event in device_events(component).items():
            events.CfnRule(
                self,
                name,
                name=rule_name(prefix, name),
                description=event.description,
                event_pattern={
                    "source": ["aws.greengrass"],
                    "detail-type": [event.detail_type],
                    "detail": event.detail,
                    # Of this stage's devices; fleet provisioning names them so.
                    "resources": [{"wildcard": f"*:coreDevices:{prefix}-*"}],
                },
            )
