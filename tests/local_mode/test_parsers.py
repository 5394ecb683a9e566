"""The small readers of the local AWS: locations, metrics, hyperparameters, requests, pages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_mode.aws.bundles import decode_hyperparameter
from local_mode.aws.paging import page
from local_mode.aws.protocol import AwsError, validate
from local_mode.aws.storage import S3Location, StorageError
from local_mode.aws.training.metrics import compile_definitions, find_values

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{2,20}", fullmatch=True)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40)


@given(bucket=BUCKETS, key=KEYS)
def test_all_forms_of_a_location_mean_the_same(bucket, key):
    forms = (
        f"s3://{bucket}/{key}",
        f"https://s3.amazonaws.com/{bucket}/{key}",
        f"https://s3.us-east-1.amazonaws.com/{bucket}/{key}",
        f"https://s3-eu-west-1.amazonaws.com/{bucket}/{key}",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}",
    )
    assert {S3Location.parse(form) for form in forms} == {S3Location(bucket, key)}


@pytest.mark.parametrize(
    "text", ["", "s3://", "bucket/key", "http://s3.amazonaws.com/b/k", "s3:/b"]
)
def test_other_texts_are_no_locations(text):
    with pytest.raises(StorageError, match="is no S3 URI"):
        S3Location.parse(text)


def test_a_location_has_children():
    assert S3Location.parse("s3://b").child("x") == S3Location("b", "x")
    assert S3Location.parse("s3://b/a/").child("x").uri == "s3://b/a/x"


SETS = compile_definitions(
    [
        {"Name": "reward-training", "Regex": "^Training>.*Total reward=(.*?),"},
        {
            "Name": "episode_reward_mean",
            "Regex": "episode_reward_mean: ([-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?)",
        },
    ]
)


@given(value=st.floats())
def test_metrics_are_read_from_the_lines_of_both_toolkits(value):
    line = f"Training> Name=main_level/agent, Episode=12, Total reward={value}, Steps=7"
    found = find_values(SETS, line)
    assert found == ([("reward-training", value)] if math.isfinite(value) else [])


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_nested_groups_do_not_matter(value):
    assert find_values(SETS, f"episode_reward_mean: {value!r}") == [("episode_reward_mean", value)]


@given(line=st.text())
def test_any_line_can_be_read(line):
    assert all(math.isfinite(value) for _, value in find_values(SETS, line))


@pytest.mark.parametrize("regex", ["((", "no group"])
def test_a_regex_that_finds_no_value_is_refused(regex):
    with pytest.raises(AwsError, match="Metric x"):
        compile_definitions([{"Name": "x", "Regex": regex}])


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1e-3", 0.001), ('"a"', "a"), ("a", "a"), ("true", True), ("", ""), ("[1]", [1])],
)
def test_hyperparameters_are_json_or_text(text, value):
    assert decode_hyperparameter(text) == value


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"EndpointName": "x" * 64}, "length less than or equal to 63"),
        ({"EndpointName": "a_b"}, "Value 'a_b' at 'endpointName' failed to satisfy constraint"),
        ({}, "Missing required parameter"),
        ({"EndpointName": "x", "More": 1}, "Unknown parameter"),
        ({"EndpointName": 1}, "Invalid type"),
    ],
)
def test_requests_are_checked_by_the_service_model(request_, message):
    with pytest.raises(AwsError, match=message) as caught:
        validate("sagemaker", "DescribeEndpoint", request_)
    assert caught.value.code == "ValidationException"


def test_a_right_request_passes():
    validate("sagemaker", "DescribeEndpoint", {"EndpointName": "policy-1"})


@given(count=st.integers(0, 30), size=st.integers(1, 12))
def test_pages_hold_everything_once(count, size):
    items = [{"number": number} for number in range(count)]
    request, seen = {"MaxResults": size}, []
    while True:
        answer = page(items, request, member="Items")
        seen += answer["Items"]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert seen == items
