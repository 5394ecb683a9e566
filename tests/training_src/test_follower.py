"""A follower decides, minute by minute, what its controller decides from the whole load."""

from dataclasses import replace

import numpy as np
import pytest

from autoscaling_rl.controller.bank import MOST_KEPT
from autoscaling_rl.controller.bank_controller import BankController
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.follower import Follower, follow, parse
from autoscaling_rl.controller.guard import GuardSettings
from autoscaling_rl.controller.inference import Inference
from autoscaling_rl.controller.state import LONGEST_LOAD, InvalidRequest, State, parse_state
from tests.training_src.banks import DAY, MIDNIGHT, busy_load, fixed_policy
from tests.training_src.endpoints import autoscaling_artifact, cartpole_artifact
from tests.training_src.endpoints import state as request
from tests.training_src.jobs import small_policy

CAPACITY = 250.0
START = MIDNIGHT - 200
CONTROLLER = BankController(fixed_policy())
LOAD = CAPACITY * busy_load(900)
LOAD[[95, 96, 300, 420, 421, 422, 423]] = np.nan


def state(load, *, begin=START, **changes) -> State:
    """Return the state after `load`, requests per minute from `begin` on."""
    parts = {"active": 20, "pending": (3, 0, 2), "failed": 0.0, "capacity": CAPACITY}
    return State(minute=begin + len(load), load=load, **{**parts, **changes})


def same(follower, controller, given) -> bool:
    """Return whether both decide alike, what is remembered included."""
    decided, expected = follower.decide(given), controller.decide(given)
    assert decided.features() == expected.features()
    return replace(decided, memory=follower.memory() or "") == expected


def compare(controller, minutes, *, every, prepared=True) -> int:
    """Follow the load, compare every so many minutes, and return how often a bank was made."""
    follower, rng = Follower(controller), np.random.default_rng(1)
    for now in minutes:
        given = state(LOAD[:now], active=int(rng.integers(0, 60)))
        if now % every:
            follower.decide(given)
        else:
            assert same(follower, controller, given)
        if prepared:
            follower.prepare()
    return follower.rebuilt


@pytest.mark.parametrize("prepared", [True, False])
def test_minutes_are_decided_as_from_the_load_alone(prepared):
    # Minute 200 is midnight; on the hour, and ten minutes after, quantiles are renewed.
    assert compare(CONTROLLER, range(40, 330), every=10, prepared=prepared) == 1


@pytest.mark.slow
@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("networks", [1, 3])
def test_every_minute_is_decided_as_from_the_load_alone(prepared, networks):
    controller = BankController(fixed_policy(networks=networks))
    assert compare(controller, range(40, 900), every=1, prepared=prepared) == 1


@pytest.mark.slow
def test_a_fortnight_and_more_is_followed():
    load = CAPACITY * busy_load(15 * DAY + 300)
    follower, first = Follower(CONTROLLER), 14 * DAY - 3
    for now in range(first, 15 * DAY + 300):
        window = load[max(0, now - LONGEST_LOAD) : now]
        given = state(window, begin=START + now - len(window))
        decided = follower.decide(given)
        if now > 15 * DAY and now % 30 == 0:
            assert replace(decided, memory=follower.memory()) == CONTROLLER.decide(given)
        follower.prepare()
    assert follower.rebuilt == 1


@pytest.mark.parametrize("prepared", [True, False])
def test_what_is_forgotten_after_weeks_changes_nothing(prepared):
    load = CAPACITY * busy_load(MOST_KEPT + DAY)
    follower = Follower(CONTROLLER)
    for now in (*range(13 * DAY, MOST_KEPT - 8 * DAY - 30, DAY), *range(
        MOST_KEPT - 8 * DAY - 30, MOST_KEPT - 8 * DAY + 30
    )):  # fmt: skip
        window = load[max(0, now - LONGEST_LOAD) : now]
        given = state(window, begin=START + now - len(window))
        decided = follower.decide(given)
        if prepared:
            follower.prepare()
    assert follower.rebuilt == 1
    assert replace(decided, memory=follower.memory()) == CONTROLLER.decide(given)


@pytest.mark.parametrize("missing", [False, True])
def test_days_that_are_told_at_once_are_decided_as_from_the_load_alone(missing):
    load, follower = CAPACITY * busy_load(10 * DAY + 77), Follower(CONTROLLER)
    if missing:
        load[DAY:-1] = np.nan
    follower.decide(state(load[:DAY]))
    follower.prepare()
    given = state(load)
    decided = follower.decide(given)
    assert replace(decided, memory=follower.memory()) == CONTROLLER.decide(given)
    assert follower.rebuilt == 1


def changed_states():
    """Yield what comes after minute 500, and whether the bank can go on."""
    now = state(LOAD[:500])
    yield now, True
    yield state(LOAD[:530]), True
    yield replace(now, active=3, pending=(), failed=7.0, since_added=1), True
    corrected = LOAD[:501].copy()
    corrected[423] = 5000.0
    yield state(corrected), False
    yield state(LOAD[:499]), False
    yield state(LOAD[100:500], begin=START + 100), False
    yield state(LOAD[:501], begin=START + 1), False
    yield state(LOAD[:3], begin=START + 20 * DAY), False
    for change in ({"capacity": 400.0}, {"warmup_minutes": 9}, {"max_machines": 15}):
        yield state(LOAD[:501], **change), False


@pytest.mark.parametrize("place", range(11))
def test_another_history_or_fleet_makes_the_bank_anew(place):
    given, goes_on = list(changed_states())[place]
    follower = Follower(CONTROLLER)
    follower.decide(state(LOAD[:500]))
    follower.prepare()
    assert same(follower, CONTROLLER, given)
    assert follower.rebuilt == (1 if goes_on else 2)


def test_a_load_that_is_corrected_in_place_makes_the_bank_anew():
    follower, load = Follower(CONTROLLER), LOAD[:501].copy()
    follower.decide(state(load[:500]))
    load[450] *= 1.5
    assert same(follower, CONTROLLER, state(load))
    assert follower.rebuilt == 2


def test_what_the_caller_vouches_for_is_not_compared():
    follower, load = Follower(CONTROLLER), LOAD[:502].copy()
    follower.decide(state(load[:500]))
    load[450] *= 1.5
    follower.decide(state(load[:501]), vouched=True)
    assert follower.rebuilt == 1
    assert same(follower, CONTROLLER, state(load))
    assert follower.rebuilt == 2


@pytest.mark.parametrize("minutes", [range(100, 240), range(2 * DAY, 4 * DAY, 7)])
def test_a_load_that_is_vouched_for_is_decided_as_any(minutes):
    load = CAPACITY * busy_load(4 * DAY)
    vouched, compared = Follower(CONTROLLER), Follower(CONTROLLER)
    for now in minutes:
        given = state(load[:now])
        assert vouched.decide(given, vouched=True) == compared.decide(given)
    assert vouched.memory() == compared.memory()
    assert vouched.rebuilt == compared.rebuilt == 1


@pytest.mark.parametrize("place", [4, 5, 6, 7, 8, 9, 10])
def test_no_word_of_the_caller_makes_another_history_or_fleet_the_same(place):
    given, _ = list(changed_states())[place]
    follower = Follower(CONTROLLER)
    follower.decide(state(LOAD[:500]))
    expected = CONTROLLER.decide(given)
    assert replace(follower.decide(given, vouched=True), memory=expected.memory) == expected
    assert follower.rebuilt == 2


def test_a_bank_that_failed_is_not_followed(monkeypatch):
    follower = Follower(CONTROLLER)
    follower.decide(state(LOAD[:500]))
    monkeypatch.setattr("autoscaling_rl.controller.simulated.charge", None)
    with pytest.raises(TypeError):
        follower.decide(state(LOAD[:502]))
    monkeypatch.undo()
    assert same(follower, CONTROLLER, state(LOAD[:502]))


@pytest.mark.parametrize("idle", [Follower.prepare, Follower.memory])
def test_a_bank_that_failed_in_idle_time_is_not_followed(monkeypatch, idle):
    follower, fresh = Follower(CONTROLLER), Follower(CONTROLLER)
    for now in (62, 63):  # the network leads, so trackers can wait
        assert follower.decide(state(LOAD[:now])) == fresh.decide(state(LOAD[:now]))
        fresh.prepare()
    monkeypatch.setattr("autoscaling_rl.controller.simulated.Trackers.step", None)
    with pytest.raises(TypeError):
        idle(follower)
    monkeypatch.undo()
    for now in range(64, 94):
        assert follower.decide(state(LOAD[:now])) == fresh.decide(state(LOAD[:now]))
    assert follower.memory() == fresh.memory()
    assert follower.rebuilt == 2


def test_a_memory_spares_making_the_bank_anew():
    first, second = Follower(CONTROLLER), Follower(CONTROLLER)
    first.decide(state(LOAD[:500]))
    assert second.restore(first.memory(), state(LOAD[:520]))
    for now in range(520, 560, 4):
        assert same(second, CONTROLLER, state(LOAD[:now]))
    assert second.rebuilt == 0


@pytest.mark.parametrize(
    ("memory", "given"),
    [
        ("damaged", state(LOAD[:520])),
        (None, state(LOAD[:520], capacity=100.0)),
        (None, state(LOAD[:499])),
        (None, state(LOAD[:0], begin=START + 520)),
    ],
)
def test_a_memory_of_something_else_is_not_taken(memory, given):
    first, second = Follower(CONTROLLER), Follower(CONTROLLER)
    first.decide(state(LOAD[:500]))
    assert not second.restore(memory or first.memory(), given)
    if given.load.size:
        assert same(second, CONTROLLER, given)


def test_a_policy_without_a_bank_is_followed_too():
    controller = Controller(small_policy(inputs=37))
    follower = Follower(controller)
    assert follower.memory() is None
    for now in (1, 40, 41, 300):
        assert same(follower, controller, state(LOAD[:now], failed=3.0))
        follower.prepare()
    assert not follower.restore(follower.memory(), state(LOAD[:301]))


def test_the_guard_takes_other_settings_at_once():
    follower = Follower(BankController(fixed_policy()))
    free = follower.decide(state(LOAD[:300], active=0, pending=())).desired
    follower.use_guard(GuardSettings(most_added=2))
    assert follower.decide(state(LOAD[:300], active=0, pending=())).desired == 2 < free


def test_no_load_is_refused():
    with pytest.raises(InvalidRequest, match="at least one minute of load"):
        Follower(CONTROLLER).decide(state(np.array([np.nan, np.nan])))


def test_a_request_may_leave_its_load_out():
    raw = {**request(), "load": [None], "failed": [], "memory": "whatever"}
    parsed = parse(raw)
    assert np.isnan(parsed.load).all()
    del raw["load"]
    assert parse(raw).load.size == 0
    same = {"load": None, "memory": None}
    assert replace(parse(request()), **same) == replace(parse_state(request(), ""), **same)
    for wrong in ({**raw, "active": -1}, {**raw, "failed": [1.0]}, [raw]):
        with pytest.raises(InvalidRequest):
            parse(wrong)


def test_the_load_may_be_given_apart():
    one, other = Follower(CONTROLLER), Follower(CONTROLLER)
    for now in (300, 301, 305):
        assert one.decide(state(LOAD[:now])) == other.decide(
            state(LOAD[now - 1 : now], begin=START + now - 1), LOAD[:now]
        )


def test_an_inference_is_followed(tmp_path):
    inference = Inference.load(autoscaling_artifact(tmp_path / "model"))
    body = request()
    _, answer = inference.respond({"states": [body]})
    follower = follow(inference)
    assert follower.decide(parse_state(body, "state")).desired == answer["desired"][0]
    assert follower.memory() == answer["memory"][0]
    with pytest.raises(ValueError, match="observations alone"):
        follow(Inference.load(cartpole_artifact(tmp_path / "other")))
