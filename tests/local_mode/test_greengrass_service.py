"""Greengrass on HTTP: tags, and what it leaves to moto."""

from collections.abc import Callable

from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import ACCOUNT, deploy, refused


def test_tags_are_kept(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    arn, client = publish(), aws.client("greengrassv2")
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    identifier = deploy(aws, group, {component: "1.0.0"}, tags={"c": "3"})
    tags = client.list_tags_for_resource(resourceArn=f"{ACCOUNT}:deployments:{identifier}")
    assert tags["tags"] == {"c": "3"}


def test_what_nothing_does_is_refused_and_the_rest_of_iot_is_motos(aws: LocalAws) -> None:
    with refused("ValidationException"):
        aws.client("greengrassv2").get_service_role_for_account()
    assert aws.client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    aws.client("iot-data").publish(topic="other/topic", qos=1, payload=b"1")
