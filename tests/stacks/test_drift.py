"""Changes made by hand: every stack is looked at, every type can be read, and somebody is told."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.stacks.delivery import (
    Resources,
    allowed,
    of_type,
    role_named,
    spelt,
    stacks_of,
    text,
)
from tests.stacks.intrinsics import Deployed
from tests.stacks.synthesis import PROJECT, Synthesis


def test_drift_is_looked_for_every_week_in_every_stack(
    delivery: Synthesis, pipeline: Resources
) -> None:
    schedules = of_type(pipeline, "Scheduler::Schedule").values()
    looked_at = {json.loads(it["Target"]["Input"])["StackName"] for it in schedules}
    deployed = {
        name
        for stage in ("dev", "prod")
        for name in stacks_of(delivery.folder / f"assembly-{PROJECT}-pipeline-{stage}")
    }
    assert looked_at == deployed
    for schedule in schedules:
        assert schedule["ScheduleExpression"] == "rate(7 days)"
        target = text(schedule["Target"]["Arn"])
        assert target.endswith(":scheduler:::aws-sdk:cloudformation:detectStackDrift")


def drift_rules(pipeline: Resources) -> list[dict[str, Any]]:
    """Return the rules of dev and prod, in this order."""
    return [
        rule
        for rule in of_type(pipeline, "Events::Rule").values()
        if rule["EventPattern"]["source"] == ["aws.cloudformation"]
    ]


def test_what_is_found_is_told_of_the_stages_own_stacks(pipeline: Resources) -> None:
    for rule, stage in zip(drift_rules(pipeline), ("dev", "prod"), strict=True):
        (prefix,) = rule["EventPattern"]["detail"]["stack-id"]
        assert text(prefix["prefix"]).endswith(f":stack/{PROJECT}-{stage}-")
        (target,) = rule["Targets"]
        assert target["Arn"]["Ref"] in of_type(pipeline, "SNS::Topic")


def test_a_detection_that_is_not_started_is_told(pipeline: Resources) -> None:
    grouped = [it["GroupName"]["Ref"] for it in of_type(pipeline, "Scheduler::Schedule").values()]
    groups = of_type(pipeline, "Scheduler::ScheduleGroup")
    assert set(grouped) == set(groups)
    watched: dict[str, set[str]] = {}
    for alarm in of_type(pipeline, "CloudWatch::Alarm").values():
        (topic,) = alarm["AlarmActions"]
        assert topic["Ref"] in of_type(pipeline, "SNS::Topic")
        assert alarm["Threshold"] == 0
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"
        metrics = [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
        for metric in metrics:
            assert metric["Namespace"] == "AWS/Scheduler"
            (dimension,) = metric["Dimensions"]
            assert dimension["Name"] == "ScheduleGroup"
            watched.setdefault(dimension["Value"]["Ref"], set()).add(metric["MetricName"])
    assert set(watched) == set(groups)
    for names in watched.values():
        assert names == {"TargetErrorCount", "InvocationDroppedCount"}


@pytest.mark.parametrize(
    ("stack", "detection", "told"),
    [
        ("DRIFTED", "DETECTION_COMPLETE", True),
        ("DRIFTED", "DETECTION_FAILED", True),
        ("UNKNOWN", "DETECTION_FAILED", True),
        ("UNKNOWN", "DETECTION_COMPLETE", True),
        ("UNKNOWN", "DETECTION_IN_PROGRESS", False),
        ("NOT_CHECKED", "DETECTION_IN_PROGRESS", False),
        ("IN_SYNC", "DETECTION_COMPLETE", False),
    ],
)
def test_drift_and_what_could_not_be_read_are_told(
    pipeline: Resources, stack: str, detection: str, told: bool
) -> None:
    for rule in drift_rules(pipeline):
        pattern = spelt(rule["EventPattern"])
        (prefix,) = pattern["detail"]["stack-id"]
        event = {
            "source": "aws.cloudformation",
            "detail-type": "CloudFormation Drift Detection Status Change",
            "detail": {
                "stack-id": f"{prefix['prefix']}Storage/0a1b2c3d",
                "status-details": {"stack-drift-status": stack, "detection-status": detection},
            },
        }
        matcher = EventPattern.load(json.dumps(pattern))
        assert matcher.matches_event(event) is told  # type: ignore[arg-type]


def test_what_looks_for_drift_can_read_every_type_of_the_stages_and_change_none(
    delivery: Synthesis, checked: Synthesis, pipeline: Resources
) -> None:
    from stacks.parts.drift_reads import READS

    # Neither is a resource that could drift.
    known = {*READS, "AWS::CDK::Metadata", "AWS::CloudFormation::CustomResource"}
    folders = [delivery.folder / f"assembly-{PROJECT}-pipeline-{it}" for it in ("dev", "prod")]
    types = {
        resource["Type"]
        for folder in (*folders, checked.folder)
        for template in stacks_of(folder).values()
        for resource in template["Resources"].values()
        if not resource["Type"].startswith("Custom::")
    }
    assert types - known == set(), "say in stacks/parts/drift_reads.py what reading them takes"
    reading = re.compile(r"\w+:(Get|List|Describe|Detect|BatchDescribe|BatchGet)\w+|kms:Decrypt")
    for part in ("DevDriftRole", "ProdDriftRole"):
        actions = {action for action, _, _ in allowed(pipeline, role_named(pipeline, part))}
        assert len(actions) > 20
        assert [action for action in actions if not reading.fullmatch(action)] == []
        assert not {"s3:GetObject", "ssm:GetParametersByPath"} & actions


def test_what_looks_for_drift_finds_log_groups_by_their_names(
    deployed: Deployed, pipeline: Resources
) -> None:
    named = [
        it["LogGroupName"]
        for _, _, it in deployed.of_type("AWS::Logs::LogGroup")
        if "LogGroupName" in it
    ]
    read = {
        text(resource).partition(":log-group:")[2]
        for action, resource, _ in allowed(pipeline, role_named(pipeline, "ProdDriftRole"))
        if action == "logs:ListTagsForResource"
    }
    assert len(named) == 3
    for name in named:
        assert any(fnmatchcase(f"{name}:*", pattern) for pattern in read), name


def test_who_looks_for_drift_from_github_changes_nothing(github: Resources) -> None:
    for action, resource, _ in allowed(github, role_named(github, "OidcDrift")):
        if action == "sts:AssumeRole":
            assert "-lookup-role-" in resource
        else:
            assert re.search(r":(Get|List|Describe|Detect|BatchDescribe)|kms:Decrypt", action)
