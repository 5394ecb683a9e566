"""The configuration: what is right is taken key by key, what is wrong leaves what was there."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller.guard import GuardSettings
from edge_policy.settings import Settings, check_reactive, merged
from tests.edge_src.support import CONFIGURATION


def check(name, value):
    GuardSettings.of({name: value})


def take(given, before=None, check_guard=check):
    return merged(before or Settings(), given, check_guard=check_guard, thing_name="device-7")


def test_the_configuration_of_the_bundle_is_the_default():
    settings, problems = take(CONFIGURATION)
    # The recipe puts the component's name in.
    assert [problem.partition(":")[0] for problem in problems] == [
        "Topics.telemetry", "Topics.command",
    ]  # fmt: skip
    assert settings == Settings()
    topics = {
        key: each.replace("{component}", "c") for key, each in CONFIGURATION["Topics"].items()
    }
    settings, problems = take({**CONFIGURATION, "Topics": topics})
    assert problems == []
    assert settings.telemetry == "dt/c/device-7/telemetry"
    assert settings.command == "cmd/c/device-7/state"


def test_rights_and_topics_of_the_bundle_agree():
    topics, control = CONFIGURATION["Topics"], CONFIGURATION["accessControl"]
    allowed = {
        (operation, resource)
        for service in control.values()
        for policy in service.values()
        for operation in policy["operations"]
        for resource in policy["resources"]
    }
    assert allowed == {
        ("aws.greengrass#SubscribeToTopic", topics["state"]),
        ("aws.greengrass#PublishToTopic", topics["decision"]),
        ("aws.greengrass#PublishToIoTCore", topics["telemetry"]),
        ("aws.greengrass#SubscribeToIoTCore", topics["command"]),
    }
    names = [name for service in control.values() for name in service]
    assert len(names) == len(set(names))
    assert "*" not in str(control)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Topics": {"state": ""}}, "Topics.state: must be a topic"),
        ({"Topics": {"state": "a/#"}}, "Topics.state: must be a topic without wildcards"),
        ({"Topics": {"state": "x" * 257}}, "Topics.state: must be a topic of 1 to 256"),
        ({"Topics": {"decision": 5}}, "Topics.decision: must be a topic"),
        ({"Topics": {"other": "x"}}, "Topics.other: unknown"),
        ({"Topics": []}, "Topics: must be an object"),
        ({"Runtime": "torch"}, "Runtime: must be one of numpy, onnx"),
        ({"Runtime": ["onnx"]}, "Runtime: must be one of"),
        ({"Telemetry": {"interval_seconds": "60"}}, "Telemetry.interval_seconds: must be a whole"),
        ({"Telemetry": {"interval_seconds": 0}}, "Telemetry.interval_seconds: must be a whole"),
        ({"Telemetry": {"interval_seconds": True}}, "Telemetry.interval_seconds: must be a whole"),
        ({"Telemetry": {"spool_megabytes": 1.5}}, "Telemetry.spool_megabytes: must be a whole"),
        ({"Telemetry": {"spool_megabytes": float("nan")}}, "Telemetry.spool_megabytes: must be"),
        ({"Models": {"crash_limit": 1000}}, "Models.crash_limit: must be a whole number"),
        ({"Guard": {"peak_factor": 0.5}}, "Guard.peak_factor: guard: peak_factor must be"),
        ({"Guard": {"peak": 2}}, "Guard.peak: guard: unknown setting 'peak'"),
        ({"Guard": 3}, "Guard: must be an object"),
        ({"Extra": 3}, "Extra: unknown"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(given, problem):
    before = Settings(guard={"most_added": 3}, interval_seconds=77)
    settings, problems = take(given, before)
    assert len(problems) == 1
    assert re.match(re.escape(problem), problems[0])
    kept = {} if "Guard" in given and isinstance(given["Guard"], dict) else {"most_added": 3}
    assert settings == replace(before, guard=kept)


def test_one_wrong_key_leaves_the_others_alone():
    before = Settings(guard={"peak_factor": 3.0, "most_added": 1})
    settings, problems = take(
        {
            "Guard": {"peak_factor": "high", "most_removed": 2},
            "Telemetry": {"interval_seconds": 60.0, "spool_megabytes": 0},
            "Runtime": "onnx",
        },
        before,
    )
    assert len(problems) == 2
    assert settings.guard == {"peak_factor": 3.0, "most_removed": 2}
    assert (settings.interval_seconds, settings.spool_megabytes) == (60, 8)
    assert settings.runtime == "onnx"


def test_what_is_left_out_stays_but_for_the_guard():
    before = Settings(guard={"most_added": 1}, interval_seconds=5, runtime="onnx")
    assert take({}, before) == (before, [])
    assert take({"Guard": {}}, before)[0].guard == {}


def test_topics_of_aws_iot_core_may_be_empty():
    settings, problems = take({"Topics": {"command": "", "telemetry": ""}})
    assert (settings.command, settings.telemetry, problems) == ("", "", [])


@pytest.mark.parametrize("value", ["0.5", None, True, 0.0, 2.0, [0.5]])
def test_the_reactive_rule_checks_its_own(value):
    _, problems = take({"Guard": {"reactive_target": value}}, check_guard=check_reactive)
    assert problems == ["Guard.reactive_target: must be a number from 0.05 to 1"]
    assert take({"Guard": {"peak_factor": value}}, check_guard=check_reactive)[1] == []


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["state", "decision", "interval_seconds", "crash_limit", "peak_factor", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
sections = st.sampled_from(["Topics", "Guard", "Runtime", "Telemetry", "Models", "y"])


@given(st.dictionaries(sections, anything, max_size=4))
def test_whatever_is_given_the_settings_are_right(given):
    settings, _ = take(given)
    GuardSettings.of(settings.guard)
    assert settings.runtime in ("numpy", "onnx")
    assert 1 <= settings.interval_seconds <= 86_400
    assert 1 <= settings.crash_limit <= 100
    assert settings.state
    assert settings.decision
