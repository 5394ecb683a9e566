"""Core devices as the emulated control plane sees them, driven by boto3."""

import json
from collections.abc import Callable

from local_mode.greengrass.device import register
from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import GROUPS, deploy, finish, refused


def test_devices_report_their_health(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    thing, client = f"{group}-a", aws.client("greengrassv2")
    with refused("ResourceNotFoundException"):
        client.get_core_device(coreDeviceThingName=thing)
    register(aws.client, thing, group)
    identifier = deploy(aws, group, {component: "1.0.0"})
    finish(aws, thing, "SUCCEEDED")
    health = {
        "ggcVersion": "2.6.0",
        "platform": "linux",
        "overallDeviceStatus": "UNHEALTHY",
        "components": [{"componentName": component, "version": "1.0.0", "status": "BROKEN"}],
    }
    topic = f"$aws/things/{thing}/greengrassv2/health/json"
    aws.client("iot-data").publish(topic=topic, qos=1, payload=json.dumps(health))
    found = client.get_core_device(coreDeviceThingName=thing)
    assert (found["status"], found["coreVersion"]) == ("UNHEALTHY", "2.6.0")
    of_group = {"thingGroupArn": f"{GROUPS}/{group}"}
    unhealthy = client.list_core_devices(**of_group, status="UNHEALTHY")["coreDevices"]
    assert [item["coreDeviceThingName"] for item in unhealthy] == [thing]
    assert client.list_core_devices(**of_group, status="HEALTHY")["coreDevices"] == []
    [installed] = client.list_installed_components(coreDeviceThingName=thing)["installedComponents"]
    assert (installed["componentVersion"], installed["lifecycleState"]) == ("1.0.0", "BROKEN")
    [effective] = client.list_effective_deployments(coreDeviceThingName=thing)[
        "effectiveDeployments"
    ]
    assert effective["deploymentId"] == identifier
    assert effective["coreDeviceExecutionStatus"] == "SUCCEEDED"
    client.delete_core_device(coreDeviceThingName=thing)
    assert client.list_core_devices(**of_group)["coreDevices"] == []
