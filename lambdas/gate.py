"""Lets a policy pass only if it is better than a baseline beyond what chance explains."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lambdas.archive import Limits, Readable, read_files
from lambdas.aws import Client, client, service_errors
from lambdas.bootstrap import lower_bound
from lambdas.errors import GateError
from lambdas.names import EXECUTION_ID
from lambdas.s3 import archive_address, open_existing
from lambdas.scorecard import POLICY, Scorecard, parse_scorecard
from lambdas.settings import read_settings
from lambdas.validation import checked, number, require, text

SCORECARD = "scorecard.json"
REPORT = "report.html"
LIMITS = Limits(members=2000, file_bytes=32 << 20, total_bytes=2 << 30)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The handler's environment variables."""

    artifact_bucket: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on; `baseline` None means the scorecard's default."""

    execution_id: str = checked(EXECUTION_ID)
    output_s3_uri: str = checked(archive_address)
    confidence: float = checked(number(0.5, 0.999))
    baseline: str | None = checked(text(r"\w{1,64}", "the name of a baseline"), None)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Saving and bound are fractions of the baseline's total; above zero is better."""

    passed: bool
    baseline: str
    saving: float
    lower_bound: float
    confidence: float
    reason: str


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `gate`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return gate(request, settings=settings, s3=client("s3"))


def gate(request: Request, *, settings: Settings, s3: Client) -> dict[str, object]:
    """Judge an evaluation and keep its scorecard and report as objects of their own.

    Args:
        request: Which evaluation, against what, how sure.
        settings: The handler's environment variables.
        s3: The client that reads output.tar.gz and writes below `executions/<id>/`.

    Returns:
        The fields of `Judgement`, `scorecard_s3_uri`, and `report_s3_uri` (None without a report).

    Raises:
        GateError: There is no scorecard to judge by, or no such baseline.
        UnsafeArtifact: The archive is not what the evaluation job writes.
    """
    uri = request.output_s3_uri
    absent = GateError(f"The evaluation job left no output at {uri}: see its log")
    found = _read_output(open_existing(s3, uri, absent=absent))
    judgement = judge(
        parse_scorecard(found[SCORECARD]),
        baseline=request.baseline,
        confidence=request.confidence,
    )
    folder = f"executions/{request.execution_id}"
    addresses = {}
    for name, kind in ((SCORECARD, "application/json"), (REPORT, "text/html; charset=utf-8")):
        if name in found:
            key, bucket = f"{folder}/{name}", settings.artifact_bucket
            s3.put_object(Bucket=bucket, Key=key, Body=found[name], ContentType=kind)
            addresses[name] = f"s3://{bucket}/{key}"
    return asdict(judgement) | {
        "scorecard_s3_uri": addresses[SCORECARD],
        "report_s3_uri": addresses.get(REPORT),
    }


def _read_output(body: Readable) -> dict[str, bytes]:
    wanted = (SCORECARD, REPORT)
    found = dict(read_files(body, limits=LIMITS, wanted=wanted.__contains__))
    if SCORECARD not in found:
        raise GateError(f"The evaluation job's output holds no {SCORECARD}: see its log")
    return found


def judge(scorecard: Scorecard, *, baseline: str | None, confidence: float) -> Judgement:
    """Compare the policy with a baseline over the same windows.

    Args:
        scorecard: Values of both.
        baseline: As in `Scorecard.resolve`.
        confidence: Of the one-sided lower bound that must be above zero.

    Raises:
        GateError: The baseline is unknown, or its costs are not above zero.
    """
    name = scorecard.resolve(baseline)
    base, policy = scorecard.values[name], scorecard.values[POLICY]
    if scorecard.metric == "J":
        gains = [theirs - ours for theirs, ours in zip(base, policy, strict=True)]
        scales = base
        if min(base) <= 0:
            raise GateError(f"scorecard.json: the costs J of {name} must all be above zero")
    else:
        gains = [ours - theirs for theirs, ours in zip(base, policy, strict=True)]
        # Returns may have either sign, so all draws share one scale; that of a baseline which
        # earned nothing is 1, and the gain then is in units of return.
        scales = (abs(scorecard.total(name)) / len(base) or 1.0,) * len(base)
    saving = sum(gains) / sum(scales)
    bound = lower_bound(gains, scales, confidence=confidence)
    words = ("lower", "higher") if scorecard.metric == "J" else ("higher", "lower")
    which = ", the best tuned baseline," if name == scorecard.best_tuned() else ""
    reason = (
        f"The policy's {scorecard.metric} is {_words(saving, words)} than that of {name}{which} "
        f"over {len(base)} windows"
    )
    if bound > 0:
        reason += f", and with {confidence * 100:g} % confidence at least {_words(bound, words)}."
    else:
        reason += f"; with {confidence * 100:g} % confidence it may be {_words(bound, words)}."
    return Judgement(
        passed=bound > 0,
        baseline=name,
        saving=saving,
        lower_bound=bound,
        confidence=confidence,
        reason=reason,
    )


def _words(fraction: float, words: tuple[str, str]) -> str:
    better, worse = words
    if fraction == 0.0:
        return f"no {better}"
    percent = abs(fraction) * 100
    return f"{percent:.{1 if percent >= 0.05 else 3}f} % {better if fraction > 0 else worse}"
