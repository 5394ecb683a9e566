"""A bank's controller decides from the load alone: memory saves time and changes nothing."""

import base64
import hashlib
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller import controller
from autoscaling_rl.controller.bank import HEAD, LEAST_KNOWN, Bank
from autoscaling_rl.controller.bank_controller import FIRST_HEADROOM, BankController
from autoscaling_rl.controller.guard import DEFAULTS, reactive
from autoscaling_rl.controller.memory import recall, remember
from autoscaling_rl.controller.observation import SIZE as OBSERVED
from autoscaling_rl.controller.policy import MAX_MACHINES
from autoscaling_rl.controller.state import InvalidRequest, State
from tests.training_src.banks import DAY, MIDNIGHT, busy_load, fixed_policy, new
from tests.training_src.endpoints import state as raw_state
from tests.training_src.jobs import small_policy

POLICY = fixed_policy()
CONTROLLER = BankController(POLICY)
CAPACITY = 250.0
START = MIDNIGHT - 70  # midnight comes soon after the members are first scored
LOAD = CAPACITY * busy_load(700)


def state(load, *, begin=START, memory=None, **changes) -> State:
    """Return the state after `load`, requests per minute from `begin` on."""
    parts = {"active": 20, "pending": (3, 0, 2), "failed": 0.0, "capacity": CAPACITY}
    return State(minute=begin + len(load), load=load, memory=memory, **{**parts, **changes})


def newest(now, minutes, memory, load=LOAD, **changes):
    """Return the state of minute `now` with the last minutes of load and a memory."""
    return state(load[now - minutes : now], begin=START + now - minutes, memory=memory, **changes)


def test_a_policy_for_other_observations_is_refused():
    with pytest.raises(ValueError, match=rf"the policy takes {OBSERVED} numbers"):
        BankController(small_policy(inputs=OBSERVED))


@pytest.mark.parametrize("warmup", [1, 5, 30])
def test_answers_with_memory_are_those_from_the_load_alone(warmup):
    rng, memory, now = np.random.default_rng(warmup), None, 40
    while now < 420:
        gap = int(rng.choice([1, 1, 1, 1, 5, 10, 25])) if memory else now
        now = now + gap if memory else now
        fleet = {"active": int(rng.integers(0, 60)), "warmup_minutes": warmup}
        decision = CONTROLLER.decide(newest(now, gap, memory, **fleet))
        assert decision == CONTROLLER.decide(state(LOAD[:now], **fleet))
        memory = decision.memory


def test_answers_with_memory_are_those_from_the_load_alone_after_a_fortnight():
    load = CAPACITY * busy_load(15 * DAY)
    known, memory = 14 * DAY + 600, None
    for now in (known, known + 1, known + 5, known + 170):
        kept = load[now - 14 * DAY : now]
        alone = CONTROLLER.decide(state(kept, begin=START + now - len(kept)))
        if memory:
            sent = load[known:now]
            decision = CONTROLLER.decide(state(sent, begin=START + known, memory=memory))
            assert decision == alone
        memory, known = alone.memory, now


def test_a_request_brings_so_many_minutes_without_a_memory_and_no_more(monkeypatch):
    monkeypatch.setattr(controller, "MOST_FOLLOWED", 1000)
    load = LOAD.tolist()
    first = raw_state(load)
    with pytest.raises(InvalidRequest, match="hold over 1000 minutes of load that no memory"):
        controller.answer_states(CONTROLLER, [first, first])
    [memory] = controller.answer_states(CONTROLLER, [first])["memory"]
    later = raw_state(load[-2:], timestamp="2026-01-05T12:02Z", memory=memory)
    assert len(controller.answer_states(CONTROLLER, [first, *[later] * 20])["desired"]) == 21


@pytest.mark.parametrize("remembered", [1, 3 * DAY + 77])
def test_a_memory_of_days_ago_spares_no_minute_since(remembered):
    load = CAPACITY * busy_load(12 * DAY + 300)
    old = CONTROLLER.decide(state(load[:remembered]))
    since = state(load[remembered:], begin=START + remembered, memory=old.memory)
    decision, alone = CONTROLLER.decide(since), CONTROLLER.decide(state(load))
    assert decision == alone
    assert decision.memory == alone.memory
    assert (alone.followed, decision.followed) == (len(load), len(load) - remembered)
    assert CONTROLLER.decide(state(load[:0], begin=since.minute, memory=alone.memory)).followed == 0


def test_the_fleet_moves_into_the_band_that_is_wanted():
    load = LOAD[:300]
    kept = [
        CONTROLLER.decide(state(load, active=active, pending=())).desired for active in range(120)
    ]
    wanted, keep = kept[0], kept[-1]
    assert wanted <= keep
    assert kept == [min(max(active, wanted), keep) for active in range(120)]
    assert CONTROLLER.decide(state(load, active=3, pending=(4, 0, 5))).action == wanted - 12


def other_controllers():
    """Yield controllers and changes of the state that another memory stands for."""
    yield BankController(fixed_policy(seed=1)), {}
    yield BankController(POLICY, version="of other code"), {}
    yield BankController(replace(POLICY, bank=None)), {}
    yield BankController(replace(POLICY, bank={**POLICY.bank, "decay": 0.5})), {}
    yield BankController(POLICY, change_price=5.0), {}
    yield BankController(POLICY, minimum_billed_minutes=60), {}
    for change in (
        {"failure_price": 80.0},
        {"capacity": 2 * CAPACITY},
        {"warmup_minutes": 6},
        {"min_machines": 2},
        {"max_machines": 30},
        {"boot_minutes": (2.0, 5.0, 20.0)},
        {"launch_failure_rate": 0.5},
        {"change_price": 5.0},
        {"minimum_billed_minutes": 60},
    ):
        yield CONTROLLER, change


@pytest.mark.parametrize("place", range(15))
def test_a_memory_of_another_model_or_fleet_changes_nothing(place):
    other, changes = list(other_controllers())[place]
    memory = other.decide(state(LOAD[:300], **changes)).memory
    decision = CONTROLLER.decide(newest(301, 1, memory))
    assert decision == CONTROLLER.decide(state(LOAD[:301]))
    assert memory != CONTROLLER.decide(state(LOAD[:300])).memory


def test_the_prices_of_the_model_hold_unless_the_state_has_its_own():
    own = BankController(POLICY, change_price=5.0, minimum_billed_minutes=60)
    prices = {"change_price": 5.0, "minimum_billed_minutes": 60}
    # Memories tell costs apart, if decisions do not.
    assert own.decide(state(LOAD)) == CONTROLLER.decide(state(LOAD, **prices))
    free = {"change_price": 0.0, "minimum_billed_minutes": 0}
    assert own.decide(state(LOAD, **free)) == CONTROLLER.decide(state(LOAD))


@pytest.mark.parametrize("again", [1, 30, 250])
def test_minutes_that_are_sent_again_count_as_they_are_sent(again):
    memory = CONTROLLER.decide(state(LOAD[:300])).memory
    corrected = LOAD[:310].copy()
    corrected[300 - again] *= 1.7
    found = CONTROLLER.decide(newest(310, 10 + again, memory, load=corrected))
    assert found == CONTROLLER.decide(state(corrected))
    unchanged = CONTROLLER.decide(newest(310, 10 + again, memory))
    assert unchanged == CONTROLLER.decide(state(LOAD[:310]))


def test_more_load_than_is_remembered_counts():
    memory = CONTROLLER.decide(state(LOAD[200:300], begin=START + 200)).memory
    found = CONTROLLER.decide(newest(310, 310, memory))
    assert found == CONTROLLER.decide(state(LOAD[:310]))


def test_a_minute_that_is_asked_for_twice_gets_the_same_answer():
    first = CONTROLLER.decide(state(LOAD[:300]))
    assert CONTROLLER.decide(newest(300, 0, first.memory)) == first
    assert CONTROLLER.decide(newest(300, 7, first.memory)) == first


def test_a_minute_that_is_asked_for_twice_needs_no_bank_made_anew(monkeypatch):
    first = CONTROLLER.decide(state(LOAD[:300]))
    monkeypatch.setattr(Bank, "advance", None)
    assert CONTROLLER.decide(newest(300, 0, first.memory)) == first


@pytest.mark.parametrize("known", [1, 30, LEAST_KNOWN - 1])
def test_less_than_an_hour_is_covered_with_headroom(known):
    load = LOAD[:known]
    proposal = int(np.ceil(FIRST_HEADROOM * load.max() / CAPACITY))
    floor = reactive(load, CAPACITY)
    for active in (0, 500):
        decision = CONTROLLER.decide(state(load, active=active, pending=()))
        assert decision.guarded.proposal == proposal
        assert decision.guarded.doubts == ("short",)
        assert decision.desired == max(proposal, floor)


def test_nothing_exceeds_the_limits():
    load = LOAD[:200]
    free = CONTROLLER.decide(state(load, active=0, pending=())).desired
    for least, most in ((free + 9, 0), (0, free - 9), (free, free)):
        limits = {"min_machines": least, "max_machines": most}
        for active in (0, 500):
            decided = CONTROLLER.decide(state(load, active=active, pending=(), **limits)).desired
            assert least <= decided <= (most or 10**9)
            assert abs(decided - free) <= 9 or active


def test_no_more_is_wanted_than_one_and_a_half_times_the_known_peak():
    greedy = BankController(fixed_policy(wish=5.0, bank=None))
    # The peak is a fortnight old, or just too old.
    load = np.full(14 * DAY, 1000.0)
    load[0] = 5000.0
    for peak, kept in ((5000.0, load), (1000.0, load[1:])):
        decided = greedy.decide(state(kept, begin=START - len(kept))).desired
        assert decided == np.ceil(DEFAULTS.peak_factor * peak / CAPACITY)


def test_a_policy_without_a_bank_decides_alone():
    alone = BankController(replace(POLICY, bank=None))
    decision = alone.decide(state(LOAD[:300]))
    assert decision == alone.decide(newest(300, 1, alone.decide(state(LOAD[:299])).memory))
    assert len(decision.memory) < len(CONTROLLER.decide(state(LOAD[:300])).memory)


MEMORY = CONTROLLER.decide(state(LOAD[:200])).memory


@given(st.integers(0, len(MEMORY) - 1), st.characters(codec="ascii"))
def test_a_memory_with_another_character_is_refused(place, character):
    changed = MEMORY[:place] + character + MEMORY[place + 1 :]
    if changed == MEMORY:
        return
    with pytest.raises(InvalidRequest, match="is not the memory of an answer by this model") as got:
        CONTROLLER.decide(newest(201, 1, changed))
    assert got.value.field == "states[0].memory"


def sealed(body: bytes) -> str:
    """Return a memory whose checksum holds: it is no signature."""
    packed = zlib.compress(body)
    return base64.b64encode(hashlib.sha256(packed).digest()[:8] + packed).decode()


BODY = zlib.decompress(base64.b64decode(MEMORY)[8:])
HEADER = struct.calcsize("<BqII")
EXTRA = HEADER + 8 * 200  # where the bank's mark begins
STATE = EXTRA + 12  # ... and its day, what it follows, and its number of rows
AFTER = STATE + HEAD  # ... and all other numbers: machines, what was said, costs, ...
ROWS = struct.unpack("<q", BODY[AFTER - 8 : AFTER])[0]
COSTS = AFTER + 8 * (ROWS * new().simulated.size + 4)


def test_an_unchanged_memory_is_taken():
    assert sealed(BODY) != MEMORY  # only the compression differs
    decision = CONTROLLER.decide(newest(201, 1, sealed(BODY)))
    assert decision == CONTROLLER.decide(state(LOAD[:201]))


def answer_or_refusal(body: bytes) -> None:
    """Decide on a memory that somebody made up: whatever comes of it, it is no fault."""
    # Asked once more, a minute later, and after the bank has chosen anew.
    for minutes in (0, 1, 12):
        with np.errstate(all="ignore"):
            try:
                decision = CONTROLLER.decide(newest(200 + minutes, minutes, sealed(body)))
            except InvalidRequest:
                return
        peak = recall(decision.memory, "").load.max()
        assert 1 <= decision.desired <= np.ceil(DEFAULTS.peak_factor * peak)


mutations = st.lists(
    st.tuples(
        st.one_of(st.integers(0, len(BODY) - 1), st.integers(0, HEADER), st.integers(EXTRA, AFTER)),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=200)
@given(mutations, st.one_of(st.just(0), st.integers(-50, 50)))
def test_no_made_up_memory_is_a_fault(changes, length):
    body = bytearray(BODY)
    for place, content in changes:
        body[place : place + len(content)] = content
    answer_or_refusal(bytes(body[:length] if length < 0 else body + bytes(length)))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, -1e308, -1.0, 1e17, 1e300], ids=str)
@pytest.mark.parametrize("first", [AFTER, AFTER + 8 * 400, COSTS, COSTS + 8 * 90, len(BODY) - 400])
def test_no_made_up_number_is_a_fault(number, first):
    body = bytearray(BODY)
    content = struct.pack("<d", number) * 40
    body[first : first + len(content)] = content
    answer_or_refusal(bytes(body))


@pytest.mark.parametrize("day", [-(2**63), -1, 0, MIDNIGHT // DAY + 1, 2**63 - 1])
def test_no_made_up_day_is_a_fault(day):
    body = bytearray(BODY)
    body[STATE : STATE + 8] = struct.pack("<q", day)
    decision = CONTROLLER.decide(newest(201, 1, sealed(bytes(body))))
    assert decision == CONTROLLER.decide(state(LOAD[:201]))


weird = st.one_of(st.just(0.0), st.just(1e12), st.just(1e-300), st.just(250.0), st.floats(0, 1e12))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(weird, st.integers(1, 200)), min_size=1, max_size=6),
    st.sampled_from((1e-6, 250.0, 1e12)),
    st.sampled_from((0, 5, 60)),
    st.sampled_from((0.01, 20.0, 1e6)),
    st.integers(0, 1_000_000),
)
def test_no_load_is_a_fault(parts, capacity, warmup, price, active):
    load = np.repeat(*map(np.array, zip(*parts, strict=True)))
    rest = {
        "capacity": capacity, "warmup_minutes": warmup, "failure_price": price,
        "active": active, "pending": (), "min_machines": 0,
    }  # fmt: skip
    decision = CONTROLLER.decide(state(load, **rest))
    most = max(DEFAULTS.peak_factor, 1 / DEFAULTS.reactive_target) * load.max() / capacity
    assert 0 <= decision.desired <= min(max(np.ceil(most), 1), MAX_MACHINES)
    again = CONTROLLER.decide(
        state(load[-1:], begin=START + len(load), memory=decision.memory, **rest)
    )
    assert 0 <= again.desired


def test_alternating_loads_of_days_are_no_fault():
    load = np.tile([0.0, 1e9], DAY)
    decision = CONTROLLER.decide(state(load))
    assert decision == CONTROLLER.decide(
        newest(len(load), 1, CONTROLLER.decide(state(load[:-1])).memory, load=load)
    )


def test_a_memory_says_the_load_and_the_minute_after_it():
    kept = recall(CONTROLLER.decide(state(LOAD[:90])).memory, "memory")
    assert kept.after == START + 90
    assert kept.load.tolist() == LOAD[:90].tolist()
    assert recall(remember(START, LOAD[:3]), "memory").extra == b""
