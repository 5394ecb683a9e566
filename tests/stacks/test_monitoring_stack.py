"""The dashboard shows every part of the workflow, and every alarm tells the topic."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.config import STAGES, StageConfig
from tests.stacks.synthesis import PROJECT, ROOT, Synthesis, Templates, prepare_node, synthesise

RETRAINING = {"often": 3, "weekly": 7, "never": 0}
METRICS = json.loads((ROOT / "training_src" / "metrics.json").read_text())
DEFINITION = json.loads((ROOT / "stacks" / "workflow.asl.json").read_text())
DEVICES = {"DevicesBrokenDevices", "DevicesFailedDevices", "DevicesFallbacks"}
ALWAYS = {"FailedExecution", "FunctionErrors", "FunctionThrottles", "EndpointFallbacks"} | DEVICES


def stage(project: str) -> StageConfig:
    return replace(STAGES["prod"], project=project, retrain_every_days=RETRAINING[project])


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Put a stack Monitoring for each project beside the other stacks of one stage."""
    prepare_node()
    from stacks.access_stack import AccessStack
    from stacks.monitoring_stack import MonitoringStack
    from stacks.serving_stack import ServingStack
    from stacks.storage_stack import StorageStack
    from stacks.workflow_stack import WorkflowStack

    def fill(app: Any) -> None:
        shared = stage("often")
        roles = AccessStack(app, config=shared).roles
        storage = StorageStack(app, config=shared, roles=roles)
        workflow = WorkflowStack(app, config=shared, roles=roles, storage=storage)
        serving = ServingStack(app, config=shared, roles=roles, storage=storage, workflow=workflow)
        for project in RETRAINING:
            MonitoringStack(app, config=stage(project), workflow=workflow, serving=serving)

    return synthesise(fill, tmp_path_factory.mktemp("monitoring")).templates


def alarms(templates: Templates, project: str = "often") -> dict[str, dict[str, Any]]:
    """Return the alarms of a stack Monitoring by their ids."""
    resources = templates[f"{project}-prod-Monitoring"]["Resources"]
    return {
        re.sub(r"^Alarms|.{8}$", "", key): value["Properties"]
        for key, value in resources.items()
        if value["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.fixture(scope="module")
def dashboard(templates: Templates) -> dict[str, Any]:
    """Return the dashboard's body, with the ends of names where a deployment puts values."""
    [resource] = [
        value["Properties"]
        for value in templates["often-prod-Monitoring"]["Resources"].values()
        if value["Type"] == "AWS::CloudWatch::Dashboard"
    ]
    assert resource["DashboardName"] == "often-prod"
    parts = resource["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else named(part) for part in parts)
    body: dict[str, Any] = json.loads(text)
    return body


def named(token: Mapping[str, Any]) -> str:
    [value] = token.values()
    return str(value if isinstance(value, str) else value[0])


def graphs(dashboard: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        widget["properties"]["title"]: widget["properties"]["metrics"]
        for widget in dashboard["widgets"]
        if widget["type"] == "metric"
    }


def texts(dashboard: Mapping[str, Any]) -> Iterator[str]:
    for widget in dashboard["widgets"]:
        if widget["type"] == "text":
            yield widget["properties"]["markdown"]


def searched(metrics: list[Any]) -> set[tuple[str, str]]:
    """Return what searches look for: metric and start of the jobs' names."""
    pattern = r'MetricName="([^"]+)" TrainingJobName=(\S+)\','
    return {pair for [metric] in metrics for pair in re.findall(pattern, metric["expression"])}


def test_every_metric_that_jobs_print_is_shown(dashboard: dict[str, Any]) -> None:
    found = {
        pair
        for metrics in graphs(dashboard).values()
        for pair in (searched(metrics) if "TrainingJobName" in str(metrics) else ())
    }
    assert {name for name, _ in found} == {metric["Name"] for metric in METRICS}
    assert {start for _, start in found} == {"rl-training", "rl-evaluation"}
    for name in ("failed_percent", "machine_hours", "J", "J_over_oracle", "gap_closed"):
        assert (name, "rl-evaluation") in found
    for name in ("loss", "entropy", "steps_per_second", "learning_rate"):
        assert (name, "rl-training") in found


def test_every_graph_has_something_in_it(dashboard: dict[str, Any]) -> None:
    assert len(graphs(dashboard)) == sum(it["type"] == "metric" for it in dashboard["widgets"])
    assert all(graphs(dashboard).values())
    for widget in dashboard["widgets"]:
        assert widget["x"] + widget["width"] <= 24


def test_the_page_opens_on_the_two_weeks_that_it_speaks_of(dashboard: dict[str, Any]) -> None:
    assert dashboard["start"] == "-P14D"
    assert any("last two weeks" in text for text in texts(dashboard))


def test_executions_and_their_ends_are_counted(
    templates: Templates, dashboard: dict[str, Any]
) -> None:
    shown = graphs(dashboard)
    names = {metric[1] for metric in shown["Executions"]}
    assert {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed"} <= names
    assert {metric[1] for metric in shown["Duration (ms)"]} == {"ExecutionTime"}
    ends = {name for name, state in DEFINITION["States"].items() if state.get("End")}
    assert {metric[1] for metric in shown["How they ended well"]} == {
        f"Executions{end}" for end in ends
    }
    filters = [
        value["Properties"]
        for value in templates["often-prod-Monitoring"]["Resources"].values()
        if value["Type"] == "AWS::Logs::MetricFilter"
    ]
    assert {re.findall(r'name = "(\w+)"', each["FilterPattern"])[0] for each in filters} == ends
    for each in filters:
        assert '$.type = "PassStateEntered"' in each["FilterPattern"]
        assert "WorkflowLogs" in each["LogGroupName"]["Fn::ImportValue"]
        [transformation] = each["MetricTransformations"]
        assert transformation["MetricNamespace"] == "often/prod"


def test_the_endpoint_is_shown_under_its_name(dashboard: dict[str, Any]) -> None:
    metrics = [
        metric
        for each in graphs(dashboard).values()
        for metric in each
        if "often-prod" in metric and "EndpointName" in metric
    ]
    assert {metric[1] for metric in metrics} >= {
        "Invocations",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "ModelLatency",
        "CPUUtilization",
    }
    for metric in metrics:
        assert metric[2:6] == ["EndpointName", "often-prod", "VariantName", "AllTraffic"]


@pytest.mark.parametrize("graph", ["Errors", "Duration (ms, longest)", "Throttles"])
def test_every_function_is_shown(dashboard: dict[str, Any], graph: str) -> None:
    steps = [metric[-1]["label"] for metric in graphs(dashboard)[graph]]
    assert steps == [
        *("prepare", "gate", "register", "deploy", "smoke_test"),
        *("edge_publish", "edge_deploy", "edge_follow"),
    ]


def test_charges_come_from_the_one_region_that_has_them(dashboard: dict[str, Any]) -> None:
    [charges] = graphs(dashboard)["Charges (USD)"]
    assert charges[0] == "AWS/Billing"
    assert charges[-1]["region"] == "us-east-1"
    assert any("us-east-1" in text and "billing alerts" in text for text in texts(dashboard))


def test_decisions_and_fallbacks_are_counted(dashboard: dict[str, Any]) -> None:
    assert "## Decisions" in texts(dashboard)
    shown = graphs(dashboard)
    counted = {(metric[0], metric[1]) for metric in shown["Decisions"]}
    assert counted == {
        ("often/prod", f"Endpoint{each}") for each in ("Decisions", "Fallbacks", "Guarded")
    }
    [share] = [each for each in shown["Share by the reactive rule (%)"] if "expression" in each[0]]
    expected = "IF(endpoint_decisions > 0, 100 * endpoint_fallbacks / endpoint_decisions)"
    assert share[0]["expression"] == expected


def test_decisions_of_the_function_are_counted_where_its_log_is(checked: Synthesis) -> None:
    resources = checked.templates[f"{PROJECT}-prod-Workflow"]["Resources"].values()
    counted = {
        each["Properties"]["MetricTransformations"][0]["MetricName"]: each["Properties"]
        for each in resources
        if each["Type"] == "AWS::Logs::MetricFilter"
    }
    assert counted.keys() == {f"Function{each}" for each in ("Decisions", "Fallbacks", "Guarded")}
    for properties in counted.values():
        assert properties["LogGroupName"]["Ref"].startswith("FunctionsDecideLogs")
    alarm = alarms(checked.templates, PROJECT)["FunctionFallbacks"]
    assert "function_fallbacks / function_decisions" in json.dumps(alarm)


def test_the_state_of_every_alarm_is_shown(templates: Templates, dashboard: dict[str, Any]) -> None:
    [widget] = [widget for widget in dashboard["widgets"] if widget["type"] == "alarm"]
    shown = widget["properties"]["alarms"]
    own = [it for it in shown if it.startswith(("Alarms", "Devices", "Endpoint"))]
    assert len(own) == len(alarms(templates))
    assert len([it for it in shown if "prod-Serving" in it]) == 3


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("often", ALWAYS | {"MissingRetraining", "RefusedRetraining"}),
        # A week is as far as an alarm can look back.
        ("weekly", ALWAYS | {"RefusedRetraining"}),
        ("never", ALWAYS),
    ],
)
def test_alarms_are_there_for_what_is_configured(
    templates: Templates, project: str, expected: set[str]
) -> None:
    assert {*alarms(templates, project)} == expected


def test_every_alarm_tells_the_topic_what_happened(templates: Templates) -> None:
    for alarm in alarms(templates).values():
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            [told] = actions
            assert "NotificationsTopic" in told["Fn::ImportValue"]
        assert alarm["AlarmDescription"]
        assert "AlarmName" not in alarm


def test_an_alarm_watches_all_functions_and_all_bad_ends(templates: Templates) -> None:
    everyone = {*handlers(templates).values()}
    assert watched(templates, "FunctionThrottles", "Throttles") == everyone
    ends = {each["MetricName"] for each in stats(alarms(templates)["FailedExecution"])}
    assert ends == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}


def test_functions_that_fail_while_they_wait_raise_no_alarm(templates: Templates) -> None:
    """Their states try errors of the handlers again that only mean that it is too early."""
    retried = {
        state["Parameters"]["FunctionName"]: {
            error for each in state["Retry"] for error in each["ErrorEquals"]
        }
        for state in DEFINITION["States"].values()
        if state.get("Resource", "").endswith("lambda:invoke")
    }
    faults = {"ServiceUnavailable"}  # AWS is out of order: that is to be told
    waiting = {
        re.sub(r"\$\{|FunctionArn\}", "", name)
        for name, errors in retried.items()
        if any(not error.startswith(("Lambda.", "States.")) for error in errors - faults)
    }
    steps = handlers(templates)
    assert watched(templates, "FunctionErrors", "Errors") == {
        steps[step] for step in steps if step.title().replace("_", "") not in waiting
    }
    description = alarms(templates)["FunctionErrors"]["AlarmDescription"]
    assert waiting == {"Deploy", "EdgeDeploy"}
    assert all(step in description for step in waiting)


def handlers(templates: Templates) -> dict[str, str]:
    """Return the logical ids of the functions in the stack Workflow by their steps."""
    return {
        value["Properties"]["Handler"].split(".")[1]: key
        for key, value in templates["often-prod-Workflow"]["Resources"].items()
        if value["Type"] == "AWS::Lambda::Function"
    }


def watched(templates: Templates, alarm: str, metric: str) -> set[str]:
    """Return the logical ids of the functions of which an alarm watches the metric alone."""
    found = list(stats(alarms(templates)[alarm]))
    assert {each["MetricName"] for each in found} == {metric}
    names = {
        output["Export"]["Name"]: output["Value"]["Ref"]
        for output in templates["often-prod-Workflow"]["Outputs"].values()
        if "Ref" in output["Value"]
    }
    return {
        names[dimension["Value"]["Fn::ImportValue"]]
        for each in found
        for dimension in each["Dimensions"]
    }


def stats(alarm: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for metric in alarm["Metrics"]:
        if "MetricStat" in metric:
            yield metric["MetricStat"]["Metric"]


def test_a_retraining_that_does_not_begin_is_missed(templates: Templates) -> None:
    alarm = alarms(templates)["MissingRetraining"]
    assert alarm["MetricName"] == "ExecutionsStarted"
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (86_400, 4)
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 604_800
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    refused = alarms(templates)["RefusedRetraining"]
    assert (refused["Namespace"], refused["MetricName"]) == ("AWS/Events", "FailedInvocations")
    assert "often-prod-retrain" in str(refused["Dimensions"])


def test_nothing_depends_on_the_stack(templates: Templates) -> None:
    assert not templates["often-prod-Monitoring"].get("Outputs")
    for name, template in templates.items():
        if not name.endswith("Monitoring"):
            assert "Monitoring" not in json.dumps(template)
