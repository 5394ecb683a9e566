"""One deployment at a time, whatever two executions do at once, and always a way back."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas import deploy as deploying
from lambdas import endpoint, turns
from lambdas import smoke_test as judging
from lambdas.endpoint import EndpointState
from lambdas.errors import EndpointBusy, ServiceUnavailable, SmokeTestFailed, WorkflowError
from lambdas.turns import ABANDONED, Turn
from tests.lambdas.interleaving import S3, Endpoint, SageMaker, Schedule
from tests.lambdas.samples import BUCKET, SOURCE, VARIABLES

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
OLD, X, Y = (f"s3://{BUCKET}/{name}/model.tar.gz" for name in ("old", "x", "y"))


class Stage:
    """A stage whose endpoint serves a model that was seen to be right, or that has none."""

    def __init__(
        self,
        choose: Callable[[list[str]], str],
        *,
        fresh: bool,
        good: set[str],
        conflicts: Callable[[], bool] = lambda: False,
        lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self.schedule, self.good = Schedule(choose), {OLD, *good}
        self.s3 = S3(self.schedule.point, conflicts)
        self.sagemaker = SageMaker(self.schedule.point, lost)
        if fresh:
            return
        slot = f"{ENDPOINT}-b"
        tags = [{"Key": "execution", "Value": "f" * 12}]
        self.sagemaker.models[slot] = OLD
        self.sagemaker.configs[slot] = {"EndpointConfigArn": slot, "model": slot, "Tags": tags}
        past = datetime.now(UTC) - timedelta(hours=1)
        self.sagemaker.endpoint = Endpoint("InService", slot, "", OLD, past)

    def client(self, service: str) -> Any:
        return self.s3 if service == "s3" else self.sagemaker

    def ask(self, request: judging.Request, clients: judging.Clients) -> dict[str, object]:
        """Stand for the questions of the smoke test."""
        self.schedule.point()
        endpoint = self.sagemaker.endpoint
        serves = endpoint.serves if endpoint else None
        if serves != request.model_s3_uri or serves not in self.good:
            raise SmokeTestFailed(f"{serves} answers wrongly")
        return {}

    def execute(self, identity: str, model: str) -> str:
        """Do what the state machine does from Deploy on; return the status or the fault."""
        common = {"execution_id": identity * 12, "model_s3_uri": model}
        try:
            begun = self._tried({**common, "source_s3_uri": SOURCE}, deploying.handler)
            while self._moving():
                self.schedule.point()
            self._tried({**common, **begun}, judging.handler)
        except WorkflowError as error:
            return f"{type(error).__name__}: {error}"
        return "SUCCEEDED"

    def _tried(self, event: dict[str, Any], handler: Callable[..., Any]) -> dict[str, Any]:
        while True:
            try:
                return dict(handler(event, None))
            except (EndpointBusy, ServiceUnavailable):
                self.schedule.point()

    def _moving(self) -> bool:
        endpoint = self.sagemaker.endpoint
        return endpoint is not None and endpoint.status in ("Creating", "Updating")


@pytest.fixture
def stage(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    def make(choose: Callable[[list[str]], str], **given: Any) -> Stage:
        made = Stage(choose, **given)
        for module in (deploying, judging):
            monkeypatch.setattr(module, "client", made.client)
        monkeypatch.setattr(judging, "_ask", made.ask)
        return made

    return make


def play(made: Stage) -> dict[str, str]:
    """Run two executions to their ends, with SageMaker ending changes at any time."""

    def settle() -> None:
        while True:
            made.schedule.point()
            made.sagemaker.settle()

    made.schedule.add("x", lambda: made.execute("1", X))
    made.schedule.add("y", lambda: made.execute("2", Y))
    made.schedule.add("sagemaker", settle)
    ended = made.schedule.run(lambda ended: {"x", "y"} <= ended.keys())
    made.sagemaker.settle()
    return ended


def chooser(seed: int) -> Callable[[list[str]], str]:
    """Return a fair schedule: whoever is never chosen never ends."""
    draw, burst = random.Random(seed), list[str]()

    def choose(waiting: list[str]) -> str:
        if not burst or burst[-1] not in waiting:
            burst[:] = [draw.choice(waiting)] * draw.choice((1, 1, 2, 4, 9))
        return burst.pop()

    return choose


def require_proven(made: Stage, good: set[str], *, fresh: bool) -> None:
    """Require that what serves was seen to be right, and that its configuration is its own."""
    assert made.sagemaker.faults == []
    endpoint = made.sagemaker.endpoint
    if fresh and not good:
        assert endpoint is None
        return
    assert endpoint is not None
    assert endpoint.serves in (good or {OLD})
    assert made.sagemaker.models[endpoint.config] == endpoint.serves


FIXTURES = [HealthCheck.function_scoped_fixture]


@settings(max_examples=150, suppress_health_check=FIXTURES, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sets(st.sampled_from((X, Y))))
def test_two_executions_at_once_do_what_they_would_do_one_after_the_other(
    stage: Callable[..., Stage], seed: int, fresh: bool, good: set[str]
) -> None:
    made = stage(chooser(seed), fresh=fresh, good=good)
    ended = play(made)
    require_proven(made, good, fresh=fresh)
    for name, model in (("x", X), ("y", Y)):
        assert (ended[name] == "SUCCEEDED") == (model in good), ended
        assert ended[name] == "SUCCEEDED" or ended[name].startswith("SmokeTestFailed"), ended
    assert made.s3.holder is None


@settings(max_examples=100, suppress_health_check=FIXTURES, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sets(st.sampled_from((X, Y))))
def test_answers_that_get_lost_and_conflicts_change_nothing(
    stage: Callable[..., Stage], seed: int, fresh: bool, good: set[str]
) -> None:
    draw = random.Random(seed + 1)

    def some(most: int) -> Callable[[], bool]:
        left = iter(range(most))
        return lambda: draw.random() < 0.3 and next(left, None) is not None

    # Three conflicts at the end of a turn would leave it behind, for half an hour.
    made = stage(chooser(seed), fresh=fresh, good=good, conflicts=some(2), lost=some(10))
    ended = play(made)
    require_proven(made, good, fresh=fresh)
    for name, model in (("x", X), ("y", Y)):
        assert (ended[name] == "SUCCEEDED") == (model in good), ended
    assert made.s3.holder is None


@pytest.fixture
def turn(account: None) -> Callable[[str], Turn]:
    client = boto3.client("s3")
    return lambda execution: Turn(s3=client, bucket=BUCKET, endpoint=ENDPOINT, execution=execution)


def test_a_turn_is_one_executions_until_it_ends(turn: Callable[[str], Turn]) -> None:
    one, other = turn("1"), turn("2")
    one.take(settled=None)
    one.take(settled=None)  # of a call that is repeated
    with pytest.raises(EndpointBusy, match=f"1 is deploying to {ENDPOINT}.* after 30 minutes"):
        other.take(settled=None)
    other.leave()  # is not its own
    with pytest.raises(EndpointBusy):
        other.take(settled=None)
    one.leave()
    other.take(settled=None)
    with pytest.raises(EndpointBusy, match="2 is deploying"):
        one.take(settled=None)


def test_a_turn_that_was_ended_by_hand_is_over(turn: Callable[[str], Turn]) -> None:
    one = turn("1")
    one.leave()
    one.take(settled=None)
    one.s3.delete_object(Bucket=BUCKET, Key=one.key)
    one.leave()
    turn("2").take(settled=None)


def at(moment: datetime) -> type[datetime]:
    """Return a clock that stands still."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return moment

    return Clock


@pytest.mark.parametrize(
    ("passed", "settled", "ends"),
    [
        (ABANDONED - timedelta(minutes=1), None, False),
        (ABANDONED + timedelta(minutes=1), None, True),
        (ABANDONED + timedelta(minutes=1), ABANDONED - timedelta(minutes=1), False),
        (timedelta(hours=3), ABANDONED + timedelta(minutes=1), True),
    ],
)
def test_a_turn_that_was_abandoned_ends_by_itself(
    turn: Callable[[str], Turn],
    monkeypatch: pytest.MonkeyPatch,
    passed: timedelta,
    settled: timedelta | None,
    ends: bool,
) -> None:
    turn("1").take(settled=None)
    later = datetime.now(UTC) + passed
    monkeypatch.setattr(turns, "datetime", at(later))
    changed = None if settled is None else later - settled
    if ends:
        turn("2").take(settled=changed)
        return
    with pytest.raises(EndpointBusy):
        turn("2").take(settled=changed)


def test_whoever_is_a_moment_late_waits(
    turn: Callable[[str], Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = turn("1"), turn("2")
    one.take(settled=None)
    one.leave()
    read = Turn._read

    def late(asking: Turn) -> Any:
        found = read(asking)
        if asking is other:
            one.take(settled=None)
        return found

    monkeypatch.setattr(Turn, "_read", late)
    with pytest.raises(EndpointBusy, match="another execution is deploying"):
        other.take(settled=None)
    assert one.is_anothers() is False
    assert other.is_anothers() is True


def test_a_turn_that_somebody_else_took_meanwhile_is_not_ended(
    turn: Callable[[str], Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = turn("1"), turn("2")
    one.take(settled=None)
    read = Turn._read

    def late(asking: Turn) -> Any:
        found = read(asking)
        if asking is one:  # an abandoned turn, whose holder goes on after all
            other.s3.put_object(Bucket=BUCKET, Key=one.key, Body=b'{"execution": "2"}')
        return found

    monkeypatch.setattr(Turn, "_read", late)
    one.leave()
    monkeypatch.undo()
    assert one.is_anothers()


def test_a_fault_of_s3_keeps_nobody_from_rolling_back(
    turn: Callable[[str], Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: Turn) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    turn("1").take(settled=None)
    assert turn("2").is_anothers()
    monkeypatch.setattr(Turn, "_read", slow)
    assert not turn("2").is_anothers()
    turn("1").leave()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"execution": null}', b"{}"])
def test_an_object_that_no_program_wrote_is_nobodys_turn(
    turn: Callable[[str], Turn], content: bytes
) -> None:
    one = turn("1")
    one.s3.put_object(Bucket=BUCKET, Key=one.key, Body=content)
    assert not one.is_anothers()
    one.take(settled=None)


@pytest.mark.parametrize(("status", "waits"), [("Updating", True), ("InService", False)])
def test_a_turn_lasts_as_long_as_the_endpoint_moves(
    turn: Callable[[str], Turn], monkeypatch: pytest.MonkeyPatch, status: str, waits: bool
) -> None:
    begun = datetime.now(UTC)
    state = EndpointState(status=status, config="x", pending=None, failure=None, modified=begun)
    turn("1").take(settled=None)
    clock = at(begun + timedelta(hours=2))
    for module in (turns, endpoint):
        monkeypatch.setattr(module, "datetime", clock)
    if waits:
        with pytest.raises(EndpointBusy):
            turn("2").take(settled=state.settled)
        return
    turn("2").take(settled=state.settled)
