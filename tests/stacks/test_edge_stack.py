"""What devices need: a group, credentials for an hour, and a policy that is theirs alone."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local_mode.greengrass.recipes import problems
from stacks.checks.stage_names import LONGEST_PREFIX
from stacks.errors import ConfigError
from tests.stacks.grants import allowed, roles, statements
from tests.stacks.intrinsics import ACCOUNT, REGION, Deployed
from tests.stacks.synthesis import CHECKED, ROOT, Synthesis

COMPONENT = "com.example.rl-autoscaling.Policy"
THING = "${iot:Connection.Thing.ThingName}"
LONGEST_ORGANISATION = 40
LONGEST_POLICY = 2048  # blanks not counted, says AWS IoT's reference


@pytest.fixture(scope="module")
def documents(deployed: Deployed) -> dict[str, Any]:
    """Return the properties of the stack's resources by type; policies by their name's end."""
    kinds = (
        *("IoT::RoleAlias", "IoT::ThingGroup", "IoT::ProvisioningTemplate", "IoT::TopicRule"),
        "GreengrassV2::ComponentVersion",
    )
    found = {}
    for kind in kinds:
        [(stack, _, properties)] = deployed.of_type(f"AWS::{kind}")
        assert stack.endswith("-Edge")
        found[kind.split("::")[1]] = properties
    for _, _, properties in deployed.of_type("AWS::IoT::Policy"):
        found[properties["PolicyName"].rpartition("-")[2]] = properties
    return found


def by_action(policy: dict[str, Any]) -> dict[str, list[str]]:
    return {
        action: it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]]
        for it in policy["PolicyDocument"]["Statement"]
        for action in ([it["Action"]] if isinstance(it["Action"], str) else it["Action"])
    }


def test_names_are_those_of_the_stage(documents: dict[str, Any]) -> None:
    assert documents["ThingGroup"]["ThingGroupName"] == "rl-autoscaling-prod-devices"
    assert documents["device"]["PolicyName"] == "rl-autoscaling-prod-device"
    alias = documents["RoleAlias"]
    assert alias["RoleAlias"] == "rl-autoscaling-prod-edge"
    assert alias["CredentialDurationSeconds"] == 3600
    assert alias["RoleArn"].endswith("role/rl-autoscaling-prod-edge")


def test_a_device_speaks_in_its_own_name_alone(documents: dict[str, Any]) -> None:
    found = by_action(documents["device"])
    for action, resources in found.items():
        assert "*" not in action
        if action.startswith("iot:") and action != "iot:AssumeRoleWithCertificate":
            assert all(THING in resource for resource in resources), action
    # Policies know no variables of things where a device asks over HTTPS.
    for action in ("GetDeploymentConfiguration", "ListThingGroupsForCoreDevice"):
        (devices,) = found[f"greengrass:{action}"]
        assert devices.endswith(":coreDevices:rl-autoscaling-prod-*")
    (alias,) = found["iot:AssumeRoleWithCertificate"]
    assert alias.endswith(":rolealias/rl-autoscaling-prod-edge")
    ends = {action: [it.partition("/")[2] for it in found[action]] for action in found}
    out, in_ = f"dt/{COMPONENT}/{THING}/*", f"cmd/{COMPONENT}/{THING}/*"
    assert out in ends["iot:Publish"]
    assert in_ not in ends["iot:Publish"]
    assert in_ in ends["iot:Subscribe"]
    assert in_ in ends["iot:Receive"]
    assert out not in ends["iot:Receive"]


def test_the_topics_are_those_of_the_components_configuration(documents: dict[str, Any]) -> None:
    configuration = json.loads((ROOT / "edge_src" / "configuration.json").read_text())
    topics = {
        name: topic.replace("{component}", COMPONENT).replace("{iot:thingName}", THING)
        for name, topic in configuration["Topics"].items()
    }
    found = by_action(documents["device"])

    def open_to(action: str, topic: str) -> bool:
        return any(fnmatchcase(topic, it.partition("/")[2]) for it in found[action])

    assert open_to("iot:Publish", topics["telemetry"])
    assert open_to("iot:Subscribe", topics["command"])
    assert open_to("iot:Receive", topics["command"])
    sql = documents["TopicRule"]["TopicRulePayload"]["Sql"]
    assert topics["telemetry"].replace(THING, "+") in sql
    # Every stage's devices publish there: this one counts its own, by the topic's third part.
    assert topics["telemetry"].split("/").index(THING) == 2
    assert sql.endswith(" AND startswith(topic(3), 'rl-autoscaling-prod-')")


def test_aws_iot_takes_the_policy_with_the_longest_names(documents: dict[str, Any]) -> None:
    for name in ("device", "claim"):
        text = json.dumps(documents[name]["PolicyDocument"], separators=(",", ":"))
        # Of a prefix of the longest length the stage takes at least four characters.
        names = text.count("rl-autoscaling") * (LONGEST_PREFIX - 4 - len("rl-autoscaling"))
        names += text.count("com.example.") * (LONGEST_ORGANISATION - len("example"))
        regions = text.count("us-east-1") * (len("ap-southeast-1") - len("us-east-1"))
        assert len(text) + names + regions <= LONGEST_POLICY, name


def test_a_claim_opens_nothing_but_provisioning(documents: dict[str, Any]) -> None:
    template = documents["ProvisioningTemplate"]
    name = template["TemplateName"]
    assert len(name) <= 36
    for action, resources in by_action(documents["claim"]).items():
        if action != "iot:Connect":
            ends = [it.partition("/")[2] for it in resources]
            assert ends == [
                "$aws/certificates/create/*",
                "$aws/certificates/create-from-csr/*",
                f"$aws/provisioning-templates/{name}/provision/*",
            ]


def test_a_new_device_is_in_the_stages_group_with_its_policy(documents: dict[str, Any]) -> None:
    template = documents["ProvisioningTemplate"]
    assert template["Enabled"] is True
    assert template["ProvisioningRoleArn"].endswith("role/rl-autoscaling-prod-provisioning")
    body = json.loads(template["TemplateBody"])
    thing = body["Resources"]["thing"]["Properties"]
    assert thing["ThingGroups"] == [documents["ThingGroup"]["ThingGroupName"]]
    assert thing["ThingName"]["Fn::Join"][1][0] == "rl-autoscaling-prod-"
    policy = body["Resources"]["policy"]["Properties"]["PolicyName"]
    assert policy == documents["device"]["PolicyName"]
    used = set(re.findall(r'"Ref": "([^"]+)"', json.dumps(body)))
    assert used == set(body["Parameters"])


def test_summaries_become_the_metrics_that_the_alarm_divides(
    documents: dict[str, Any], deployed: Deployed
) -> None:
    actions = documents["TopicRule"]["TopicRulePayload"]["Actions"]
    made = {
        it["CloudwatchMetric"]["MetricName"]: it["CloudwatchMetric"]["MetricValue"]
        for it in actions
    }
    assert made == {
        "EdgeDecisions": "${counts.decisions}",
        "EdgeFallbacks": "${counts.fallbacks}",
    }
    assert re.fullmatch(r"[A-Za-z0-9_]{1,128}", documents["TopicRule"]["RuleName"])
    found = [
        {item["Id"]: item for item in properties["Metrics"]}
        for _, _, properties in deployed.of_type("AWS::CloudWatch::Alarm")
        if "EdgeFallbacks" in json.dumps(properties.get("Metrics", ""))
    ]
    [metrics] = found
    for name, metric in (("decisions", "EdgeDecisions"), ("fallbacks", "EdgeFallbacks")):
        watched = metrics[f"devices_{name}"]["MetricStat"]["Metric"]
        namespace = {it["CloudwatchMetric"]["MetricNamespace"] for it in actions}
        assert {watched["Namespace"]} == namespace
        assert watched["MetricName"] == metric


def test_devices_that_are_not_heard_of_are_missed(deployed: Deployed) -> None:
    [alarm] = [
        properties
        for _, _, properties in deployed.of_type("AWS::CloudWatch::Alarm")
        if "devices report decisions" in properties["AlarmDescription"]
    ]
    [expression] = [it["Expression"] for it in alarm["Metrics"] if "Expression" in it]
    [stat] = [it["MetricStat"] for it in alarm["Metrics"] if "MetricStat" in it]
    assert (stat["Stat"], stat["Metric"]["MetricName"]) == ("SampleCount", "EdgeDecisions")
    # Twelve devices, each with a summary every five minutes; one is missing, none, all are.
    for summaries, silent in ((33, True), (36, False), (0, True), (35, False)):
        missing = eval(expression, {"summaries": summaries})
        assert (missing > alarm["Threshold"]) is silent, summaries
    assert alarm["TreatMissingData"] == "breaching"


def test_what_fails_on_a_device_of_the_stage_is_counted_and_told(deployed: Deployed) -> None:
    rules = {
        properties["Name"]: properties["EventPattern"]
        for _, _, properties in deployed.of_type("AWS::Events::Rule")
        if "aws.greengrass" in json.dumps(properties.get("EventPattern", ""))
    }
    assert len(rules) == 2
    for pattern in rules.values():
        [resource] = pattern["resources"]
        thing = "arn:aws:greengrass:us-east-1:123456789012:coreDevices:rl-autoscaling-prod-0001"
        assert fnmatchcase(thing, resource["wildcard"])
        assert not fnmatchcase(thing.replace("prod", "dev"), resource["wildcard"])
    watched = {
        dimension["Value"]
        for _, _, properties in deployed.of_type("AWS::CloudWatch::Alarm")
        if properties.get("MetricName") == "MatchedEvents"
        for dimension in properties["Dimensions"]
    }
    assert watched == set(rules)


def test_the_first_version_is_a_recipe_that_both_nuclei_take(documents: dict[str, Any]) -> None:
    recipe = json.loads(documents["ComponentVersion"]["InlineRecipe"])
    assert problems(recipe) == []
    assert recipe["ComponentName"] == COMPONENT
    first, stage, content = map(int, recipe["ComponentVersion"].split("."))
    # The name is that of all stages, so each has versions of its own below those with a policy.
    assert (first, stage) == (0, 2)
    assert 0 <= content <= 999_999
    (manifest,) = recipe["Manifests"]
    (artifact,) = manifest["Artifacts"]
    name = artifact["Uri"].rpartition("/")[2].removesuffix(".zip")
    script = manifest["Lifecycle"]["run"]["Script"]
    assert f"{{artifacts:decompressedPath}}/{name}/edge_src/main.py" in script
    assert "--model" not in script


def test_another_recipe_is_another_first_version() -> None:
    """Versions are immutable, and what a recipe says hangs on the bootstrap as well."""
    from aws_cdk import App, DefaultStackSynthesizer, Stack

    from stacks.parts.edge_bundle import EdgeBundle
    from stacks.parts.edge_component import EdgeComponent

    def version(id_: str, name: str, qualifier: str) -> str:
        stack = Stack(app, id_, synthesizer=DefaultStackSynthesizer(qualifier=qualifier))
        EdgeComponent(stack, "C", name=name, number=2, bundle=EdgeBundle(stack, "B"))
        text = json.dumps(app.synth(force=True).get_stack_by_name(id_).template)
        [found] = re.findall(r'ComponentVersion\\\\?": \\\\?"([0-9.]+)', text)
        return str(found)

    app = App()
    first = version("a", COMPONENT, "hnb659fds")
    assert re.fullmatch(r"0\.2\.\d{1,6}", first)
    assert version("b", COMPONENT, "hnb659fds") == first
    assert version("c", COMPONENT, "rlauto") != first
    assert version("d", "com.example.other.Policy", "hnb659fds") != first


def test_a_device_may_read_the_first_version_and_what_the_workflow_publishes(
    documents: dict[str, Any], deployed: Deployed
) -> None:
    recipe = json.loads(documents["ComponentVersion"]["InlineRecipe"])
    bucket, _, key = recipe["Manifests"][0]["Artifacts"][0]["Uri"][5:].partition("/")
    [role] = [it for it in roles(deployed) if it.name == "edge"]
    own = statements(deployed, role)
    assert allowed(own, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    assert not allowed(own, "s3:GetObject", f"arn:aws:s3:::{bucket}/{'0' * 64}.zip")
    assert allowed(own, "s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
    [(stack, logical_id, _)] = [
        it for it in deployed.of_type("AWS::S3::Bucket") if "Artifacts" in it[1]
    ]
    artifacts = deployed.arn(stack, logical_id)
    assert allowed(own, "s3:GetObject", f"{artifacts}/greengrass/{COMPONENT}/1.2.0/model.tar.gz")
    assert not allowed(own, "s3:GetObject", f"{artifacts}/jobs/x/output/model.tar.gz")
    assert not allowed(own, "s3:PutObject", f"{artifacts}/greengrass/x")
    assert allowed(own, "s3:GetBucketLocation", artifacts)


def test_a_device_writes_the_components_log_and_no_other(
    deployed: Deployed, dev: Synthesis
) -> None:
    group = f"/aws/greengrass/UserComponent/{REGION}/{COMPONENT}"
    [found] = [
        it
        for _, _, it in deployed.of_type("AWS::Logs::LogGroup")
        if "LogGroupName" in it and it["LogGroupName"].startswith("/aws/greengrass/")
    ]
    assert found["LogGroupName"] == group
    assert found["RetentionInDays"] == CHECKED.log_days
    assert ":key/" in found["KmsKeyId"]
    [role] = [it for it in roles(deployed) if it.name == "edge"]
    own = statements(deployed, role)
    system = f"/aws/greengrass/GreengrassSystemComponent/{REGION}/System"
    for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):
        for name, right in ((group, True), (system, False), (f"{group}2", False)):
            place = (
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:log-stream:/2026/11/26/thing/t"
            )
            assert allowed(own, f"logs:{action}", place) is right, (action, name)
    # The name is that of all stages: by default none has it.
    elsewhere = Deployed(dev.templates)
    assert "/aws/greengrass" not in str(elsewhere.of_type("AWS::Logs::LogGroup"))
    [role] = [it for it in roles(elsewhere) if it.name == "edge"]
    assert not any(
        action.startswith("logs:") for it in statements(elsewhere, role) for action in it.actions
    )


def test_a_first_version_that_would_be_refused_ends_the_synthesis() -> None:
    from stacks.parts.edge_component import first_recipe

    assert json.loads(first_recipe(COMPONENT, "0.0.7", "key.zip"))["ComponentVersion"] == "0.0.7"
    with pytest.raises(ConfigError, match="six digits"):
        first_recipe(COMPONENT, "0.0.1000000", "key.zip")
