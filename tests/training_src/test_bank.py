"""The bank: a function of the last two weeks of load, whose leader is the cheapest of late."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.baselines.target_tracking import track
from autoscaling_rl.baselines.window import DESIRED, FAILED, RECORDS
from autoscaling_rl.controller.bank import BURN_IN, LEAST_KNOWN, Bank, Fleet
from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.members import (
    HOLDS,
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    QUANTILE_RULES,
    TRACKING_TARGETS,
    BankSettings,
    network_bands,
    whole_machines,
)
from autoscaling_rl.controller.series import DAY, LOOKBACK, Series
from autoscaling_rl.environments.dynamics import make_rules, new_fleet
from tests.training_src.banks import MIDNIGHT, busy_load, fixed_policy
from tests.training_src.plain_dynamics import PlainFleet

POLICY = fixed_policy()
ALL = BankSettings()
# Fleets of trackers are stepped one by one, which takes long: where they do not matter they rest.
QUICK = BankSettings(trackers=False)
START = MIDNIGHT + 700  # of loads that begin at some minute of a day
FORTNIGHT = 14 * DAY
CHUNKS = (1, 1, 2, 3, 5, 7, 9, 10, 60, 700, 3000)


def new(start=START, *, chosen=ALL, room=DAY, warmup=5, waits=(), **fleet) -> Bank:
    return Bank(POLICY, chosen, Fleet(waits or (warmup,), **fleet), start, room)


def cut(load, seed):
    """Cut a load into parts of very different length."""
    rng, place = np.random.default_rng(seed), 0
    while place < len(load):
        length = int(rng.choice(CHUNKS))
        yield load[place : place + length]
        place += length


def advance(bank, parts):
    """Return what the leader said after each minute, shape (2, minutes)."""
    return np.concatenate([np.stack(bank.advance(part)) for part in parts], axis=1)


@pytest.fixture(scope="module")
def month():
    """A month of load, and what a bank that took it at once said and holds."""
    load, bank = busy_load(30 * DAY), new()
    return load, np.stack(bank.advance(load)), bank.dump()


def test_a_month_in_parts_gives_what_it_gives_at_once(month):
    load, said, state = month
    bank = new(room=1)
    np.testing.assert_array_equal(advance(bank, cut(load, 0)), said)
    assert bank.dump() == state


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(CHUNKS), min_size=1, max_size=60),
    st.sampled_from((0, 1, 5, 7, 30, 60)),
    st.sampled_from((0.0, 4.0)),
    st.sampled_from((0, 3, 60)),
    st.sampled_from((0, 1, 40)),
    st.sampled_from(((), (0, 2, 2, 9, 70))),
    st.integers(0, DAY - 1),
)
def test_a_young_bank_says_the_same_however_its_load_comes(
    lengths, warmup, change_price, billed, delay, waits, late
):
    # While little is scored the leader often changes; midnight may fall anywhere.
    load = busy_load(250, seed=sum(lengths))
    fleet = {"warmup": warmup, "change_price": change_price, "start": MIDNIGHT + late}
    fleet |= {"minimum_billed_minutes": billed, "delay": delay, "waits": waits}
    whole, parts = new(**fleet), new(**fleet)
    cuts = np.cumsum(lengths)
    pieces = [part for part in np.split(load, cuts[cuts < len(load)]) if len(part)]
    np.testing.assert_array_equal(advance(parts, pieces), advance(whole, [load]))
    assert parts.dump() == whole.dump()


def rebuilt(load, now, **keywords):
    """Return a bank made of the last fortnight alone, and what it says for the minute `now`."""
    kept = load[max(0, now - FORTNIGHT) : now]
    bank = new(START + now - len(kept), **keywords)
    wanted, keep = bank.advance(kept, bank.scored_since(START + now))
    return bank, [wanted[-1], keep[-1]]


def test_a_bank_rebuilt_from_a_fortnight_says_what_the_one_that_ran_for_a_month_says(month):
    load, said, state = month
    midnight = 20 * DAY + (-START) % DAY
    later = np.random.default_rng(0).integers(midnight, len(load), 2).tolist()
    # A day's last minute looks back furthest.
    for now in (midnight - 1, midnight, midnight + 1, *later):
        assert rebuilt(load, now)[1] == said[:, now - 1].tolist(), now
    assert rebuilt(load, len(load))[0].dump() == state


@pytest.mark.parametrize("warmup", [0, 1, 30, 60])
def test_a_fortnight_is_enough_for_any_warm_up(warmup):
    parts = {"warmup": warmup, "chosen": QUICK, "change_price": float(warmup % 2)}
    parts["minimum_billed_minutes"] = 3 * warmup
    parts |= {"delay": 60 - warmup, "waits": (1, warmup, 240) if warmup == 30 else ()}
    load = busy_load(16 * DAY, seed=warmup)
    midnight = 15 * DAY + (-START) % DAY
    live = new(**parts)
    said = advance(live, [load[: midnight - 2], load[midnight - 2 : midnight - 1]])
    for now in (midnight - 1, midnight):
        bank, says = rebuilt(load, now, **parts)
        assert says == said[:, -1].tolist()
        assert bank.dump() == live.dump()
        said = advance(live, [load[now : now + 1]])


@pytest.mark.parametrize("known", [59, 60, 61, 64, 90, DAY, 3 * DAY])
def test_a_bank_rebuilt_from_a_short_history_is_the_one_that_ran(known):
    load = busy_load(known, seed=known)
    live = new()
    said = advance(live, [load[: known - 40], *load[known - 40 :, None]])[:, -1]
    bank, says = rebuilt(load, known)
    np.testing.assert_array_equal(says, said)
    assert bank.dump() == live.dump()


@pytest.mark.parametrize("known", [30, 60, 63, 739, 740, 741, 5 * DAY])
@pytest.mark.parametrize("warmup", [0, 5, 30])
def test_a_bank_goes_on_from_its_dump(known, warmup):
    load = busy_load(known + 30, seed=known)
    live = new(warmup=warmup, chosen=QUICK if known > DAY else ALL)
    live.advance(load[:known])
    again = replace_bank(live)
    again.restore(live.dump(), load[:known])
    assert again.dump() == live.dump()
    assert again.leader == live.leader
    for part in (load[known : known + 1], load[known + 1 :]):
        np.testing.assert_array_equal(again.advance(part), live.advance(part))
    assert again.dump() == live.dump()


def replace_bank(bank):
    """Return a bank of the same form that knows nothing."""
    return Bank(bank.policy, bank.settings, bank.fleet, START)


def forged_answer(bank, machines):
    """Return the bank's dump with other machines worth keeping."""
    content, place = bank.dump(), 24 + 8 * bank.machines.size + 8
    return content[:place] + np.array([machines]).tobytes() + content[place + 8 :]


def test_a_dump_of_another_form_is_refused():
    load = busy_load(100)
    live = new()
    live.advance(load)
    content = live.dump()
    fewer = new(chosen=QUICK)
    shorter = new(warmup=2)
    for bank, given_bytes in (
        (fewer, content),
        (shorter, content),
        (new(), content[:-8]),
        (new(), content[:20]),
        (new(), b""),
        (new(), content[:8] + (-1).to_bytes(8, "little", signed=True) + content[16:]),
        (new(), content[:-8] + np.array([np.nan]).tobytes()),
        (new(), forged_answer(live, -np.inf)),
        (new(), forged_answer(live, -2.0)),
    ):
        with pytest.raises(ValueError, match=r".+"):
            bank.restore(given_bytes, load)


def test_decisions_do_not_depend_on_the_future():
    load = busy_load(3 * DAY)
    other = load.copy()
    other[2 * DAY :] = 4 * busy_load(DAY, seed=9)
    one, two = (np.stack(new().advance(each)) for each in (load, other))
    np.testing.assert_array_equal(one[:, : 2 * DAY], two[:, : 2 * DAY])
    assert (one[:, 2 * DAY :] != two[:, 2 * DAY :]).any()


def test_too_little_known_is_not_decided_on():
    wanted, keep = new().advance(busy_load(LEAST_KNOWN + 5))
    assert np.isnan(wanted[: LEAST_KNOWN - 1]).all()
    assert np.isnan(keep[: LEAST_KNOWN - 1]).all()
    assert (wanted[LEAST_KNOWN - 1 :] >= 1).all()


def test_the_network_at_its_own_price_leads_before_anything_is_scored():
    bank = new()
    wanted, _ = bank.advance(busy_load(LEAST_KNOWN))
    assert bank.leader == bank.first
    assert not bank.costs.any()
    factor, offset = divmod(bank.first, len(ALL.offsets))
    assert (ALL.price_factors[factor], ALL.offsets[offset]) == (1.0, 0.0)
    alone = new(chosen=BankSettings(price_factors=(1.0,), offsets=(0.0,), rules=False, days=1))
    assert wanted[-1] == alone.advance(busy_load(LEAST_KNOWN))[0][-1]


def paid(machines, failed, fleet):
    """Return the costs of each minute of a fleet, machine by machine.

    A machine is billed for the minimum at least, also after it is gone; the price of a change is
    paid by one machine-minute a minute.
    """
    minimum, price = fleet.get("minimum_billed_minutes", 0), fleet["change_price"]
    costs = fleet["price"] * np.array(failed, float) + machines
    launched = [-DAY] * int(machines[0])
    for minute, count in enumerate(map(int, machines)):
        for since in launched[count:]:
            costs[minute : max(minute, since + minimum)] += 1
        span = max(1, int(np.ceil(price)))
        costs[minute : minute + span] += price / span * abs(count - len(launched))
        del launched[count:]
        launched += [minute] * (count - len(launched))
    return costs


def plain_cost(wanted, keep, load, fleet):
    """Return J of a member's fleet over the minutes of a day that are known, machine by machine.

    What is decided is in force after the delay of the metrics. Fleets begin before the day.
    """
    delay = fleet.get("delay", 0)
    machines = PlainFleet.of(
        int(wanted[0]), make_rules(capacity=1.0, min_machines=0, warmups=fleet["warmup"])
    )
    counts, failed = [], []
    for minute, served in enumerate(load[delay:]):
        desired = int(min(max(len(machines.machines), wanted[minute]), keep[minute]))
        happened = machines.step(minute, desired, served)
        counts.append(happened.active + happened.pending)
        failed.append(happened.failed)
    return paid(counts, failed, fleet)[BURN_IN - delay :].sum()


FLEETS = [
    {"warmup": 0, "price": 20.0, "change_price": 0.0},
    {"warmup": 0, "price": 20.0, "change_price": 3.0},
    {"warmup": 5, "price": 7.0, "change_price": 2.0},
    {"warmup": 30, "price": 50.0, "change_price": 0.0},
    {"warmup": 0, "price": 20.0, "change_price": 0.0, "minimum_billed_minutes": 2},
    {"warmup": 5, "price": 9.0, "change_price": 1.0, "minimum_billed_minutes": 60},
    {"warmup": 5, "price": 20.0, "change_price": 0.0, "delay": 1},
    {"warmup": 3, "price": 9.0, "change_price": 1.0, "minimum_billed_minutes": 30, "delay": 17},
]


def days(now):
    """Return the minutes of today and yesterday known in `now`, from when fleets begin."""
    midnight = now - (START + now) % DAY
    return slice(midnight - BURN_IN, now), slice(midnight - DAY - BURN_IN, midnight)


@pytest.mark.parametrize("fleet", FLEETS)
def test_costs_of_a_rule_are_those_of_its_fleet_machine_by_machine(fleet):
    load = np.round(busy_load(3 * DAY))
    bank = new(**fleet)
    advance(bank, cut(load, 1))
    first = bank.bands - len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
    headroom = PEAK_HEADROOMS.index(0.0)
    for place, minutes in enumerate(PEAK_MINUTES):
        member = first + place * len(PEAK_HEADROOMS) + headroom
        for age, span in enumerate(days(len(load))):
            wanted = [load[now - minutes : now].max() for now in range(span.start, span.stop)]
            expected = plain_cost(wanted, wanted, load[span], fleet)
            assert bank.costs[age, member] == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("fleet", FLEETS)
def test_costs_of_the_network_are_those_of_a_fleet_that_moves_into_its_band(fleet):
    load = busy_load(3 * DAY)
    bank = new(**fleet)
    advance(bank, cut(load, 2))
    series = Series(START, fleet["warmup"] + fleet.get("delay", 0), len(load))
    series.append(load)
    prices = {"price": fleet["price"], "change_price": fleet["change_price"]}
    for age, span in enumerate(days(len(load))):
        rows = features(series, LOOKBACK + span.start, LOOKBACK + span.stop, **prices)
        low, high = (whole_machines(each) for each in network_bands(POLICY, rows, ALL))
        for member in (0, bank.first, bank.network - 1):
            edges = np.maximum(low[:, member], 1), np.maximum(high[:, member], 1)
            expected = plain_cost(*edges, load[span], fleet)
            assert bank.costs[age, member] == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("delay", [0, 1, 20])
def test_costs_of_a_tracker_are_those_of_the_baseline(delay):
    load, fleet = busy_load(2 * DAY), {"warmup": 5, "price": 20.0, "change_price": 2.0}
    fleet |= {"minimum_billed_minutes": 90, "delay": delay}
    bank = new(**fleet)
    advance(bank, cut(load, 3))
    today, _ = days(len(load))
    rules = make_rules(
        capacity=1.0,
        warmups=5,
        failure_price=fleet["price"],
        change_price=fleet["change_price"],
        minimum_billed_minutes=fleet["minimum_billed_minutes"],
    )
    for place, target in enumerate(TRACKING_TARGETS):
        record, minutes = np.empty((RECORDS, today.stop - today.start)), load[today]
        machines = new_fleet(int(np.ceil(load[today.start - 1] / target - 1e-9)), rules)
        track(target, np.zeros(len(minutes)), delay, minutes, 0, machines, rules, record)
        costs = paid(record[DESIRED, delay:], record[FAILED, delay:], fleet)
        expected = costs[BURN_IN - delay :].sum()
        assert bank.costs[0, bank.bands + place] == pytest.approx(expected, abs=1.0)


def test_members_stand_in_the_order_of_their_settings():
    bank = new()
    rules = len(QUANTILE_RULES) * len(HOLDS) + len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
    assert bank.network == len(ALL.price_factors) * len(ALL.offsets)
    assert bank.bands == bank.network + rules
    assert new(chosen=QUICK).size == bank.bands
    assert new(chosen=replace(QUICK, rules=False)).size == bank.network


def test_the_leader_is_the_member_of_least_discounted_cost():
    load, bank = busy_load(9 * DAY), new(chosen=QUICK)
    seen, done = set(), 0
    rng = np.random.default_rng(0)
    for now in np.sort(rng.integers(100, len(load), 60)).tolist():
        now -= (START + now) % QUICK.choose_every  # where it is chosen anew
        if now <= done:
            continue
        bank.advance(load[done:now])
        scores = [
            sum(QUICK.decay**age * bank.costs[age, member] for age in range(QUICK.days))
            for member in range(bank.size)
        ]
        assert scores[bank.leader] == pytest.approx(min(scores), rel=1e-12)
        seen.add(bank.leader)
        done = now
    assert len(seen) > 1


def test_the_leader_is_kept_between_two_choices():
    load, bank = busy_load(DAY), new(chosen=QUICK)
    bank.advance(load[:100])
    leader, changes = bank.leader, []
    for minute in range(100, DAY):
        bank.advance(load[minute : minute + 1])
        if bank.leader != leader:
            changes.append((START + minute + 1) % QUICK.choose_every)
            leader = bank.leader
    assert changes
    assert set(changes) == {0}


def test_costs_older_than_the_days_that_count_are_forgotten():
    load, bank = busy_load(10 * DAY), new(chosen=QUICK)
    bank.advance(load[: 9 * DAY])
    before = bank.costs.copy()
    bank.advance(load[9 * DAY :])
    assert bank.costs.shape == (QUICK.days, bank.size)
    assert bank.costs[2:].tolist() == before[1:-1].tolist()


def followed(said, load, warmup=5, price=20.0):
    """Return costs by minute of a fleet that does what the leader says."""
    fleet, machines = float(said[0, 0]), []
    for low, high in said.T:
        fleet = min(max(fleet, low), high)
        machines.append(fleet)
    machines = np.array(machines)
    serving = [machines[max(0, now - warmup) : now + 1].min() for now in range(len(load))]
    return machines + price * np.maximum(load - serving, 0)


def test_a_member_that_suddenly_becomes_best_is_followed_within_days():
    rng = np.random.default_rng(5)
    wild = 20 * np.exp(0.6 * rng.standard_normal(4 * DAY))
    bank = new(MIDNIGHT)
    bank.advance(np.full(6 * DAY, 20.0))
    calm = bank.leader
    said = np.stack(bank.advance(wild))
    # The last minute known is that of a day's end: the costs of the day are those of yesterday.
    cost = followed(said[:, 3 * DAY - 1 : -1], wild[3 * DAY :]).sum()
    assert cost < 1.05 * bank.costs[1].min()
    assert cost < 0.8 * bank.costs[1, calm]


def test_what_is_wanted_lies_within_the_limits():
    load = busy_load(2 * DAY)
    said = np.stack(new(least=22, most=33).advance(load))[:, LEAST_KNOWN:]
    assert (said.min(), said.max()) == (22, 33)
    free = np.stack(new().advance(load))[:, LEAST_KNOWN:]
    assert free.min() < 22
    assert free.max() > 33


@pytest.mark.parametrize("warmup", [0, 30])
@pytest.mark.parametrize(
    "load",
    [
        np.zeros(1500),
        np.full(1500, 1e-300),
        np.full(1500, 1e18),
        np.tile([0.0, 1e18], 750),
        np.repeat([0.0, 5.0, 1e12, 0.0], [100, 700, 10, 690]),
    ],
    ids=["zeros", "tiny", "huge", "alternating", "explosion"],
)
def test_no_load_breaks_a_bank(load, warmup):
    for least in (0, 1):
        bank = new(warmup=warmup, price=1e6, least=least)
        said = advance(bank, [load[:1200], *load[1200:, None]])[:, LEAST_KNOWN - 1 :]
        assert np.isfinite(said).all()
        assert np.isfinite(bank.costs).all()
        assert (said >= least).all()
