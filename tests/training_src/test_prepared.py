"""What is prepared for a minute is what is found without, to the bit, whatever its load is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller.bank import LEAST_KNOWN, MOST_KEPT, Bank
from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.peaks import past_days
from autoscaling_rl.controller.prepared import Prepared
from autoscaling_rl.controller.scores import Followed
from autoscaling_rl.controller.seasons import DAYS
from autoscaling_rl.controller.series import DAY, Series
from autoscaling_rl.controller.wishes import Layout, Wishes
from tests.training_src.banks import MIDNIGHT, advance, busy_load, fixed_policy, new

PRICE, CHANGE_PRICE = 35.0, 1.5
ALL = BankSettings()
LOAD = busy_load(10 * DAY, seed=5)
HELD = np.repeat(busy_load(2 * DAY, seed=6)[::5], 5)


def series(load, warmup, start) -> Series:
    made = Series(start, warmup, len(load) + DAY)
    made.append(load)
    return made


def found(of: Series, newest: float):
    """Return what is found once a minute more is known, and the quantiles that are kept."""
    of.append(np.array([newest]))
    now = of.size
    week = past_days(of, now, now + 1, DAYS)
    rows = features(of, now, now + 1, price=PRICE, change_price=CHANGE_PRICE, week=week)
    return rows, week, kept(of)


def read(of: Series, newest: float):
    """Return the same, prepared."""
    assert of.prepare()
    prepared = Prepared(of, PRICE, CHANGE_PRICE)
    of.append(np.array([newest]))
    assert prepared.index == of.size
    return (*prepared.read(), kept(of))


def kept(of: Series):
    return {key: (minute, values.tolist()) for key, (minute, values) in of.quantiles.items()}


def alike(one, other) -> None:
    # Bit for bit: 0.0 is not -0.0.
    np.testing.assert_array_equal(one[0].view(np.int64), other[0].view(np.int64))
    for each, expected in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(each, expected)
    assert one[2] == other[2]


@settings(max_examples=60)
@given(
    known=st.integers(LEAST_KNOWN, 10 * DAY - 200),
    warmup=st.sampled_from((0, 1, 5, 30, 60)),
    # Every minute of an hour: some quantiles are due on it, some ten minutes after.
    late=st.integers(0, 59),
    newest=st.sampled_from((0.0, 1.0, 17.3, 25.0, 400.0, 1e6)),
    bins=st.booleans(),
)
def test_a_minute_that_was_prepared_is_the_minute_that_is_found(known, warmup, late, newest, bins):
    load = HELD[: min(known, len(HELD))] if bins else LOAD[:known]
    start = MIDNIGHT + late
    alike(read(series(load, warmup, start), newest), found(series(load, warmup, start), newest))


@pytest.mark.parametrize("warmup", [0, 5, 60])
def test_minutes_that_follow_one_another_are_prepared_one_by_one(warmup):
    one, other = (series(LOAD[: 9 * DAY], warmup, MIDNIGHT + 11) for _ in range(2))
    for now in range(9 * DAY, 9 * DAY + 130):
        if now % 7 == 3:  # not every minute is prepared
            alike(found(one, LOAD[now]), found(other, LOAD[now]))
        else:
            alike(read(one, LOAD[now]), found(other, LOAD[now]))


def test_nothing_is_prepared_without_room():
    full = Series(MIDNIGHT, 5, 100)
    assert not full.prepare()
    full.append(LOAD[:100])
    assert not full.prepare()


def prepared_minutes(bank: Bank, load):
    """Take a load minute by minute, each prepared."""
    for minute in load:
        bank.prepare()
        yield bank.advance(np.array([minute]))


LAYOUT = Layout.of(ALL)
FOLLOWED = {
    "whoever leads": None,
    "network": Followed(4, LAYOUT.bands + 7),
    "rule": Followed(LAYOUT.network + 3, LAYOUT.bands),
    "season": Followed(LAYOUT.rules + 1, LAYOUT.bands + 1),
    "tracker": Followed(LAYOUT.bands + 20, LAYOUT.bands + 20),
    "a part of the network": Followed(4, LAYOUT.bands + 7, 0.625),
    "a part of a rule": Followed(LAYOUT.rules - 1, LAYOUT.bands + 30, 0.5),
    "a part of a tracker": Followed(LAYOUT.bands + 45, LAYOUT.bands + 3, 0.75),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_bank_that_prepares_says_what_it_says_without(name, monkeypatch):
    begins = 7 * DAY + 650
    if followed := FOLLOWED[name]:
        original = Bank._choice
        monkeypatch.setattr(
            Bank, "_choice", lambda bank, *more: (original(bank, *more), followed)[1]
        )
    load = LOAD[: begins + 120]  # over midnight
    one, other = new(), new()
    said = advance(one, [load[:begins]])
    said = np.concatenate((said, *prepared_minutes(one, load[begins:])), axis=1)
    np.testing.assert_array_equal(said, other.advance(load))
    assert one.dump() == other.dump()
    assert one.followed == followed if followed else one.followed.rival >= LAYOUT.bands


@pytest.mark.parametrize(
    "rules",
    [
        {"delay": 3},
        {"waits": (2, 4, 5, 7, 12), "change_price": 3.0, "minimum_billed_minutes": 10, "delay": 2},
        {"warmup": 0, "minimum_billed_minutes": 25, "least": 2, "most": 30},
    ],
    ids=["late metrics", "all", "billed for long"],
)
def test_costs_are_prepared_under_all_rules_of_a_fleet(rules):
    begins = DAY + 690  # and midnight
    one, other = new(**rules), new(**rules)
    said = advance(one, [LOAD[:begins]])
    said = np.concatenate((said, *prepared_minutes(one, LOAD[begins : begins + 90])), axis=1)
    np.testing.assert_array_equal(said, other.advance(LOAD[: begins + 90]))
    assert one.dump() == other.dump()


def test_a_leader_is_chosen_by_the_last_minute_as_well():
    chosen = replace(ALL, choose_every=1, days=1)  # the leader changes as often as it can
    one, other = new(chosen=chosen), new(chosen=chosen)
    load = busy_load(DAY + 300, seed=3)
    said = np.concatenate((one.advance(load[:DAY]), *prepared_minutes(one, load[DAY:])), axis=1)
    np.testing.assert_array_equal(said, other.advance(load))


def test_what_was_prepared_for_another_minute_is_not_used():
    one, other = new(), new()
    for bank in (one, other):
        bank.advance(LOAD[:700])
    one.prepare()
    parts = [LOAD[700:702], LOAD[702:703]]
    np.testing.assert_array_equal(advance(one, parts), advance(other, parts))
    assert one.dump() == other.dump()


@pytest.mark.parametrize("minutes", [1, 2])
def test_what_was_prepared_before_a_prepared_minute_was_skipped_is_not_used(minutes):
    """Minutes are counted anew when old ones are forgotten: an index may come round again."""
    bank = new()
    bank.advance(LOAD[:700])
    bank.prepare()
    bank.advance(LOAD[700 : 700 + minutes])
    assert bank._prepared is None


def test_nothing_is_prepared_for_a_minute_in_which_old_ones_are_forgotten():
    load = busy_load(MOST_KEPT - 8 * DAY + 3, seed=2)
    one, other = (new(chosen=replace(ALL, trackers=False, days=1)) for _ in range(2))
    for bank in (one, other):
        bank.advance(load[:-5], since=10**9)
    said = np.concatenate([*prepared_minutes(one, load[-5:])], axis=1)
    np.testing.assert_array_equal(said, other.advance(load[-5:]))
    assert one.series.size < MOST_KEPT
    assert one.dump() == other.dump()


@pytest.mark.parametrize("networks", [1, 3, "one in a stack"])
def test_what_one_member_wants_is_what_it_wants_among_all(networks):
    policy = fixed_policy(networks=networks if networks != "one in a stack" else 1)
    if networks == "one in a stack":
        policy = replace(
            policy,
            weights=tuple(each[None] for each in policy.weights),
            biases=tuple(each[None, None] for each in policy.biases),
            skip=policy.skip[None],
        )
    bank = Bank(policy, new().settings, new().fleet, MIDNIGHT)
    bank.advance(LOAD[: 8 * DAY])
    bank.settle()
    made = bank._wishes(bank.series.size, bank.series.size + 1)
    low, high = made.all
    for member in range(bank.simulated.layout.bands):
        assert made.one(member) == (low[0, member], high[0, member])


def test_a_decision_works_out_what_the_leader_wants_alone(monkeypatch):
    bank = new()
    bank.advance(LOAD[: 8 * DAY])
    asked = []
    monkeypatch.setattr(Wishes, "all", property(lambda _: asked.append(1)))
    bank.prepare()
    bank.advance(LOAD[8 * DAY : 8 * DAY + 1])
    assert not asked


def test_a_load_below_zero_by_its_sign_alone_is_zero():
    one, other = new(), new()
    load = np.append(LOAD[:700], -0.0)
    one.advance(load[:-1])
    one.advance(load[-1:])
    other.advance(load)
    for name in ("load", "demand", "persistence", "missed"):
        found, expected = (getattr(bank.series, name) for bank in (one, other))
        np.testing.assert_array_equal(
            found[: one.series.size].view(np.int64), expected[: one.series.size].view(np.int64)
        )
