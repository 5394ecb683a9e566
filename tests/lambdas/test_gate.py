"""The gate: its bound, its baselines, and what it keeps of the evaluation's output."""

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from lambdas.bootstrap import lower_bound
from lambdas.errors import GateError, InvalidInput, ServiceUnavailable, UnsafeArtifact
from lambdas.gate import Judgement, handler, judge
from lambdas.scorecard import parse_scorecard
from tests.lambdas.samples import BUCKET, OUTPUT, pack

Put = Callable[[str, bytes], None]

EVENT = {
    "execution_id": "0123456789ab",
    "output_s3_uri": OUTPUT,
    "baseline": None,
    "confidence": 0.95,
}


def verdict(scorecard: Mapping[str, Any], **choice: Any) -> Judgement:
    parsed = parse_scorecard(json.dumps(scorecard).encode())
    return judge(parsed, **{"baseline": None, "confidence": 0.95, **choice})


def of_return(policy: list[float], base: list[float]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "metric": "return",
        "default_baseline": "random",
        "windows": list(range(len(base))),
        "policies": {"policy": {"values": policy}, "random": {"values": base}},
    }


def test_a_better_policy_passes_and_the_reason_says_by_how_much(scorecard: dict[str, Any]) -> None:
    result = verdict(scorecard)
    assert result.passed
    assert result.baseline == "hpa_tuned"
    assert result.saving == pytest.approx(80 / 1640)
    assert 0.047 < result.lower_bound < result.saving
    assert result.reason == (
        "The policy's J is 4.9 % lower than that of hpa_tuned, the best tuned baseline, over 16 "
        "windows, and with 95 % confidence at least 4.8 % lower."
    )


def test_another_baseline_can_be_asked_for(scorecard: dict[str, Any]) -> None:
    result = verdict(scorecard, baseline="target_tracking_tuned")
    assert result.passed
    assert result.reason.startswith(
        "The policy's J is 9.3 % lower than that of target_tracking_tuned over 16 windows, "
    )


def test_to_beat_target_tracking_is_not_enough(scorecard: dict[str, Any]) -> None:
    scorecard["policies"]["policy"]["values"] = [97 + window for window in range(16)]
    assert verdict(scorecard, baseline="target_tracking_tuned").passed
    result = verdict(scorecard)
    assert (result.passed, result.baseline) == (False, "hpa_tuned")


def test_a_worse_policy_is_rejected_with_the_reason(scorecard: dict[str, Any]) -> None:
    result = verdict(scorecard, baseline="static_best")
    assert not result.passed
    assert result.saving < 0
    assert result.reason.startswith("The policy's J is 11.4 % higher than that of static_best over")
    assert result.reason.endswith("with 95 % confidence it may be 11.7 % higher.")


def test_a_policy_equal_to_the_baseline_is_rejected(scorecard: dict[str, Any]) -> None:
    scorecard["policies"]["policy"] = scorecard["policies"]["hpa_tuned"]
    result = verdict(scorecard)
    assert (result.passed, result.lower_bound) == (False, 0.0)
    assert result.reason == (
        "The policy's J is no lower than that of hpa_tuned, the best tuned baseline, over 16 "
        "windows; with 95 % confidence it may be no lower."
    )


def test_a_small_gain_is_not_called_none(scorecard: dict[str, Any]) -> None:
    base = scorecard["policies"]["hpa_tuned"]["values"]
    scorecard["policies"]["policy"] = {"values": [cost * 0.9998 for cost in base]}
    reason = verdict(scorecard).reason
    assert "The policy's J is 0.020 % lower" in reason
    assert reason.endswith("at least 0.020 % lower.")


def test_a_gain_that_may_be_chance_is_rejected(scorecard: dict[str, Any]) -> None:
    gains = [30, -20] * 8
    scorecard["policies"]["policy"] = {"values": [95 + w - g for w, g in enumerate(gains)]}
    result = verdict(scorecard)
    assert result.saving > 0 > result.lower_bound
    assert not result.passed
    assert verdict(scorecard, confidence=0.7).lower_bound > result.lower_bound


def test_best_tuned_is_the_tuned_baseline_of_least_cost(scorecard: dict[str, Any]) -> None:
    assert verdict(scorecard, baseline="best_tuned").baseline == "hpa_tuned"


def test_best_tuned_of_returns_is_the_one_that_earned_most() -> None:
    card = of_return([9.0, 9.0], [1.0, 1.0])
    card["policies"] |= {"a_tuned": {"values": [2, 2]}, "b_tuned": {"values": [3, 3]}}
    assert verdict(card, baseline="best_tuned").baseline == "b_tuned"


@pytest.mark.parametrize("name", ["random", "oracle", "policy", "hpa"])
def test_another_baseline_is_refused_with_the_known_ones(
    scorecard: dict[str, Any], name: str
) -> None:
    with pytest.raises(GateError, match="use one of target_tracking_tuned, hpa_tuned, static_best"):
        verdict(scorecard, baseline=name)


def test_best_tuned_needs_a_tuned_baseline() -> None:
    with pytest.raises(GateError, match=r'"best_tuned" is not in the scorecard.*one of random'):
        verdict(of_return([1, 2], [1, 2]), baseline="best_tuned")


def test_an_environment_without_tuned_baselines_has_a_default_of_its_own() -> None:
    result = verdict(of_return([2.0, 3.0], [1.0, 1.0]))
    assert (result.passed, result.baseline) == (True, "random")


def test_of_returns_the_higher_is_the_better() -> None:
    result = verdict(of_return([100.0, 110, 105], [20.0, 25, 22]))
    assert result.passed
    assert result.saving == pytest.approx(248 / 67)
    assert "return is 370.1 % higher than that of random" in result.reason
    assert not verdict(of_return([20.0, 25, 22], [100.0, 110, 105])).passed


def test_returns_may_be_negative_or_nothing() -> None:
    assert verdict(of_return([-10.0, -11], [-20.0, -22])).saving == pytest.approx(0.5)
    assert verdict(of_return([1.0, 2.0], [0.0, 0.0])).passed
    assert not verdict(of_return([0.0, 0.0], [0.0, 0.0])).passed


def test_costs_must_be_above_zero(scorecard: dict[str, Any]) -> None:
    scorecard["policies"]["hpa_tuned"]["values"][3] = 0
    with pytest.raises(GateError, match="the costs J of hpa_tuned must all be above zero"):
        verdict(scorecard, baseline="hpa_tuned")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "it must be an object with schema_version 1"),
        ({"metric": "reward"}, 'metric must be one of J, return, not "reward"'),
        ({"default_baseline": None}, "default_baseline must be a name, not null"),
        ({"windows": 16}, "windows must list at least 2 windows"),
        ({"windows": [0]}, "windows must list at least 2 windows"),
        ({"policies": []}, 'policies must hold "policy"'),
        ({"policies": {"random": {}}}, 'policies must hold "policy"'),
        ({"policies": {"policy": []}}, "policies.policy.values must hold 16 numbers"),
        ({"policies": {"policy": {"values": [1]}}}, "policies.policy.values must hold 16 numbers"),
        ({"policies": {"policy": {"values": [None] * 16}}}, "must be numbers, not null"),
        ({"policies": {"policy": {"values": [True] * 16}}}, "must be numbers, not true"),
        ({"policies": {"policy": {"values": [math.nan] * 16}}}, "must be numbers, not NaN"),
        ({"policies": {"policy": {"values": [1e300] * 16}}}, "must be numbers, not 1e+300"),
    ],
)
def test_a_malformed_scorecard_is_refused(
    scorecard: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(GateError) as caught:
        verdict(scorecard | change)
    assert message in str(caught.value)


@pytest.mark.parametrize("body", [b"[]", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_scorecard_is_refused(body: bytes) -> None:
    with pytest.raises(GateError, match=r"scorecard.json of the evaluation job is malformed"):
        parse_scorecard(body)


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=2, max_size=20))
def test_the_bound_lies_between_the_least_and_the_greatest_gain(
    pairs: list[tuple[float, float]],
) -> None:
    gains = [base - ours for base, ours in pairs]
    ratios = [gain / base for gain, (base, _) in zip(gains, pairs, strict=True)]
    bound = lower_bound(gains, [base for base, _ in pairs], confidence=0.95)
    assert min(ratios) - 1e-9 <= bound <= max(ratios) + 1e-9


def test_the_bound_is_the_same_every_time_and_falls_with_confidence() -> None:
    draw = random.Random(0)
    gains = [draw.gauss(1, 2) for _ in range(16)]
    bounds = [lower_bound(gains, [10.0] * 16, confidence=c) for c in (0.5, 0.9, 0.95, 0.99)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[2] == lower_bound(gains, [10.0] * 16, confidence=0.95)


def test_the_bound_is_that_of_an_independent_bootstrap() -> None:
    draw = np.random.default_rng(1)
    base = draw.uniform(50, 150, 16)
    gains = base * draw.normal(0.05, 0.1, 16)
    rows = draw.integers(0, 16, (40_000, 16))
    expected = np.quantile(gains[rows].sum(1) / base[rows].sum(1), 0.05)
    bound = lower_bound(gains.tolist(), base.tolist(), confidence=0.95)
    assert bound == pytest.approx(expected, abs=0.003)


def passes_without_gain(windows: int, times: int) -> int:
    draw = random.Random(2)
    gains = [[draw.gauss(0, 1) for _ in range(windows)] for _ in range(times)]
    return sum(lower_bound(each, [10.0] * windows, confidence=0.95) > 0 for each in gains)


def test_a_policy_without_gain_rarely_passes() -> None:
    # The percentile interval is known to be a little short for few windows: 5 % become about 7 %.
    assert passes_without_gain(16, 60) <= 9


@pytest.mark.slow
@pytest.mark.parametrize(("windows", "share"), [(2, 0.25), (3, 0.19), (5, 0.10), (16, 0.08)])
def test_how_often_it_passes_is_what_the_page_says(windows: int, share: float) -> None:
    times = 300
    error = (share * (1 - share) / times) ** 0.5
    assert abs(passes_without_gain(windows, times) / times - share) < 3 * error


def test_scorecard_and_report_are_kept_as_objects(put: Put, scorecard: dict[str, Any]) -> None:
    body = json.dumps(scorecard).encode()
    put(
        OUTPUT,
        pack({"trajectories.csv": b"x" * 99, "report.html": b"<html>", "scorecard.json": body}),
    )
    result = handler(EVENT, None)
    folder = "executions/0123456789ab"
    assert result["passed"] is True
    assert result["scorecard_s3_uri"] == f"s3://{BUCKET}/{folder}/scorecard.json"
    assert result["report_s3_uri"] == f"s3://{BUCKET}/{folder}/report.html"
    s3 = boto3.client("s3")
    kept = s3.get_object(Bucket=BUCKET, Key=f"{folder}/scorecard.json")
    assert kept["Body"].read() == body
    report = s3.get_object(Bucket=BUCKET, Key=f"{folder}/report.html")
    assert report["ContentType"] == "text/html; charset=utf-8"
    json.dumps(result, allow_nan=False)
    assert handler(EVENT, None) == result


def test_a_report_is_not_needed_to_judge(put: Put, scorecard: dict[str, Any]) -> None:
    put(OUTPUT, pack({"scorecard.json": json.dumps(scorecard).encode()}))
    result = handler({**EVENT, "baseline": "static_best"}, None)
    assert (result["passed"], result["report_s3_uri"]) == (False, None)


@pytest.mark.usefixtures("account")
def test_an_output_that_is_missing_is_named() -> None:
    with pytest.raises(GateError, match=f"left no output at {OUTPUT}"):
        handler(EVENT, None)


def test_an_output_without_scorecard_is_named(put: Put) -> None:
    put(OUTPUT, pack({"report.html": b""}))
    with pytest.raises(GateError, match=r"holds no scorecard\.json"):
        handler(EVENT, None)


def test_an_output_that_is_no_archive_is_refused(put: Put) -> None:
    put(OUTPUT, b"nothing")
    with pytest.raises(UnsafeArtifact):
        handler(EVENT, None)


@pytest.mark.usefixtures("variables")
def test_a_fault_of_s3_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    monkeypatch.setattr("lambdas.gate.client", lambda _: s3)
    with Stubber(s3) as stubber:
        stubber.add_client_error("get_object", "SlowDown", http_status_code=503)
        with pytest.raises(ServiceUnavailable):
            handler(EVENT, None)


@pytest.mark.usefixtures("variables")
def test_a_request_must_be_whole() -> None:
    with pytest.raises(InvalidInput) as caught:
        handler({"execution_id": "x", "confidence": 0.95, "extra": 1}, None)
    places = [line.partition(":")[0] for line in caught.value.problems]
    assert places == ["execution_id", "extra", "output_s3_uri"]
