"""The comparison of requests sees what differs, and its list is one that can be read."""

import re

import pytest

from tests.estimator.sdk.cases import cases
from tests.estimator.sdk.comparison import Difference, compare, expected, listed, table
from tests.estimator.sdk.conftest import ROOT

REQUEST = {
    "TrainingJobName": "rl-2026-11-26-03-43-58-885",
    "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "loss", "Regex": "x"}]},
    "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"]},
}


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({}, []),
        ({"TrainingJobName": "rl-2026-11-26-03-59-59-001"}, []),
        ({"TrainingJobName": "rl-x-2026-11-26-03-43-58-885"}, [("TrainingJobName", "value")]),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, [("Tags", "here alone")]),
        ({"AlgorithmSpecification": {}}, [("AlgorithmSpecification", "value")]),
        (
            {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "loss", "Regex": "y"}]}},
            [("AlgorithmSpecification.MetricDefinitions.[0 loss].Regex", "value")],
        ),
        (
            {"VpcConfig": {"Subnets": ["subnet-1"]}},
            [("VpcConfig.Subnets.[1]", "v2 alone")],
        ),
    ],
)
def test_what_differs_is_named(changes, differences):
    found = compare("case", REQUEST, REQUEST | changes)
    assert sorted(found) == [Difference("case", field, kind) for field, kind in differences]


def test_every_listed_difference_has_a_kind_a_reason_and_cases():
    assert {one.kind for one in listed()} <= {"v2 alone", "here alone", "value"}
    assert all(len(one.reason) > 10 for one in listed())
    assert len(expected(cases("x"))) > len(listed())
    with pytest.raises(AssertionError, match="no case is called"):
        expected(["plain"])


def test_the_page_has_the_list():
    assert table() in (ROOT / "docs" / "sdks.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("lock", "package"),
    [
        ("sdk_v2", "sagemaker"),
        ("sdk_v3", "sagemaker"),
        ("training_toolkit", "sagemaker-training"),
    ],
)
def test_the_page_names_the_versions_that_are_driven(lock, package):
    pins = (ROOT / "requirements" / f"{lock}.txt").read_text()
    version = re.search(rf"^{package}==(\S+)", pins, re.MULTILINE)[1]
    assert f"| {version} |" in (ROOT / "docs" / "sdks.md").read_text("utf-8")
