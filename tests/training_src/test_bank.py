"""The bank: a function of the last two weeks of load, whose leader is the cheapest of late."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller.bank import HEAD, LEAST_KNOWN, Bank
from autoscaling_rl.controller.guard import DEFAULTS
from autoscaling_rl.controller.members import (
    ALONE,
    HOLDS,
    HPA_TARGETS,
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    QUANTILE_RULES,
    TRACKING_TARGETS,
    BankSettings,
)
from autoscaling_rl.controller.scores import Followed
from autoscaling_rl.controller.seasons import SEASON_HEADROOMS, SEASON_RULES
from autoscaling_rl.controller.series import DAY
from autoscaling_rl.controller.wishes import Layout
from tests.training_src.banks import CHUNKS, MIDNIGHT, START, advance, busy_load, cut, new

ALL = BankSettings()
# Fleets of trackers are stepped one by one, which takes long: where they do not matter they rest.
QUICK = BankSettings(trackers=False)
FORTNIGHT = 14 * DAY


@pytest.fixture(scope="module")
def month():
    """A month of load, and what a bank that took it at once said and holds."""
    load, bank = busy_load(30 * DAY), new()
    return load, bank.advance(load), bank.dump()


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
    said = bank.advance(kept, bank.scored_since(START + now))
    return bank, said[:, -1].tolist()


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


# From six days on, older ones are simulated for trackers alone; the first of them is no whole one.
@pytest.mark.parametrize("known", [59, 60, 61, 64, 90, DAY, 3 * DAY, 6 * DAY, 9 * DAY + 50])
def test_a_bank_rebuilt_from_a_short_history_is_the_one_that_ran(known):
    load = busy_load(known, seed=known)
    live = new()
    said = advance(live, [load[: known - 40], *load[known - 40 :, None]])[:, -1]
    bank, says = rebuilt(load, known)
    np.testing.assert_array_equal(says, said)
    assert bank.dump() == live.dump()


@pytest.mark.parametrize("price", [20.0, 500.0])
@pytest.mark.parametrize("seed", range(3))
def test_where_a_load_is_cut_about_midnight_changes_nothing(seed, price):
    load = busy_load(DAY + 30, seed=seed)
    whole = new(MIDNIGHT, price=price)
    said = whole.advance(load)
    for cut_at in range(DAY - 4, DAY + 3):
        parts = new(MIDNIGHT, price=price)
        parted = advance(parts, [load[:cut_at], load[cut_at:]])
        np.testing.assert_array_equal(parted, said, str(cut_at))
        assert parts.dump() == whole.dump(), cut_at


def test_a_day_is_scored_whole_wherever_in_it_scores_are_asked_for_from():
    load = busy_load(9 * DAY)
    since = new(MIDNIGHT).scored_since(MIDNIGHT + len(load))
    states = []
    for later in (0, 300, DAY - 1):
        bank = new(MIDNIGHT)
        bank.advance(load, since + later)
        states.append(bank.dump())
    assert states == [states[0]] * 3
    ahead = new(MIDNIGHT)
    assert np.isnan(ahead.advance(load[:200], ahead.scored_since(MIDNIGHT + 20 * DAY))).all()


def test_trackers_alone_are_a_bank():
    alone = BankSettings(price_factors=(), rules=False, seasons=False)
    bank, one = new(chosen=alone), new(chosen=alone)
    load = busy_load(400)
    said = bank.advance(load)
    np.testing.assert_array_equal(said, advance(one, load[:, None]))
    assert (said[0, LEAST_KNOWN:] > 0.0).all()


@pytest.mark.parametrize("pause", [4, 6, 9])
def test_a_bank_that_paused_for_days_is_the_one_rebuilt(pause):
    load, before = busy_load((10 + pause) * DAY, seed=pause), 10 * DAY + 30
    paused = new()
    paused.advance(load[:before])
    said = paused.advance(load[before:], paused.scored_since(START + len(load)))[:, -1]
    bank, says = rebuilt(load, len(load))
    np.testing.assert_array_equal(says, said)
    assert bank.dump() == paused.dump()


@pytest.mark.parametrize("known", [30, 60, 63, 739, 740, 741, 5 * DAY])
@pytest.mark.parametrize("warmup", [0, 5, 30])
def test_a_bank_goes_on_from_its_dump(known, warmup):
    load = busy_load(known + 30, seed=known)
    live = new(warmup=warmup, chosen=QUICK if known > DAY else ALL)
    live.advance(load[:known])
    again = replace_bank(live)
    again.restore(live.dump(), load[:known])
    assert again.dump() == live.dump()
    assert again.followed == live.followed
    for part in (load[known : known + 1], load[known + 1 :]):
        np.testing.assert_array_equal(again.advance(part), live.advance(part))
    assert again.dump() == live.dump()


def replace_bank(bank):
    """Return a bank of the same form that knows nothing."""
    return Bank(bank.policy, bank.settings, bank.fleet, START)


def forged_answer(bank, machines):
    """Return the bank's dump with other machines worth keeping."""
    content, place = bank.dump(), HEAD + 8 * bank.simulated.machines.size + 8
    return content[:place] + np.array([machines]).tobytes() + content[place + 8 :]


def forged_choice(bank, leader, rival, sixteenths):
    """Return the bank's dump with others that are followed."""
    content = bank.dump()
    return content[:8] + np.array([leader, rival, sixteenths], "<i8").tobytes() + content[32:]


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
        (new(), forged_choice(live, -1, -1, 16)),
        (new(), forged_choice(live, live.simulated.size, live.simulated.size, 16)),
        (new(), forged_choice(live, 0, 0, 15)),  # nobody is left to follow for the rest
        (new(), forged_choice(live, 0, 1, 16)),  # no target tracker
        (new(), forged_choice(live, 0, live.simulated.size - 1, 16)),  # a Kubernetes autoscaler
        (new(), forged_choice(live, 0, live.simulated.layout.bands, 17)),
        (new(), forged_choice(live, 0, live.simulated.layout.bands, -1)),
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
    one, two = (new().advance(each) for each in (load, other))
    np.testing.assert_array_equal(one[:, : 2 * DAY], two[:, : 2 * DAY])
    assert (one[:, 2 * DAY :] != two[:, 2 * DAY :]).any()


def test_too_little_known_is_not_decided_on():
    wanted, keep, *_ = new().advance(busy_load(LEAST_KNOWN + 5))
    assert np.isnan(wanted[: LEAST_KNOWN - 1]).all()
    assert np.isnan(keep[: LEAST_KNOWN - 1]).all()
    assert (wanted[LEAST_KNOWN - 1 :] >= 1).all()


def test_the_network_at_its_own_price_leads_before_anything_is_scored():
    bank = new()
    wanted, *_ = bank.advance(busy_load(LEAST_KNOWN))
    assert bank.followed == Followed(bank.first, bank.first, 1.0)
    assert not bank.scores.costs.any()
    factor, offset = divmod(bank.first, len(ALL.offsets))
    assert (ALL.price_factors[factor], ALL.offsets[offset]) == (1.0, 0.0)
    alone = new(chosen=BankSettings(price_factors=(1.0,), offsets=(0.0,), rules=False, days=1))
    assert wanted[-1] == alone.advance(busy_load(LEAST_KNOWN))[0][-1]


def test_members_stand_in_the_order_of_their_settings():
    layout = Layout.of(ALL)
    rules = len(QUANTILE_RULES) * len(HOLDS) + len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
    assert layout.network == len(ALL.price_factors) * len(ALL.offsets)
    assert layout.rules == layout.network + rules
    assert layout.bands == layout.rules + len(SEASON_RULES) * len(SEASON_HEADROOMS)
    assert new().simulated.size == layout.bands + len(TRACKING_TARGETS) + len(HPA_TARGETS)
    assert new(chosen=QUICK).simulated.size == layout.bands
    assert new(chosen=replace(QUICK, seasons=False)).simulated.size == layout.rules
    assert new(chosen=replace(QUICK, rules=False, seasons=False)).simulated.size == layout.network
    without_rules = layout.network + layout.bands - layout.rules
    assert new(chosen=replace(QUICK, rules=False)).simulated.size == without_rules
    assert new(chosen=ALONE).simulated.size == 1


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
            sum(QUICK.decay**age * bank.scores.costs[age, member] for age in range(QUICK.days))
            for member in range(bank.simulated.size)
        ]
        assert scores[bank.followed.leader] == pytest.approx(min(scores), rel=1e-12)
        seen.add(bank.followed.leader)
        done = now
    assert len(seen) > 1


def test_the_leader_is_kept_between_two_choices():
    load, bank = busy_load(DAY), new(chosen=QUICK)
    bank.advance(load[:100])
    leader, changes = bank.followed.leader, []
    for minute in range(100, DAY):
        bank.advance(load[minute : minute + 1])
        if bank.followed.leader != leader:
            changes.append((START + minute + 1) % QUICK.choose_every)
            leader = bank.followed.leader
    assert changes
    assert set(changes) == {0}


def test_costs_older_than_the_days_that_count_are_forgotten():
    load, bank = busy_load(10 * DAY), new(chosen=QUICK)
    bank.advance(load[: 9 * DAY])
    before = bank.scores.costs.copy()
    bank.advance(load[9 * DAY :])
    assert bank.scores.costs.shape == (QUICK.days, bank.simulated.size)
    assert bank.scores.costs[2:].tolist() == before[1:-1].tolist()


def followed(said, load, warmup=5, price=20.0):
    """Return costs by minute of a fleet that does what the leader says."""
    fleet, machines = float(said[0, 0]), []
    for low, high in said[:2].T:
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
    calm = bank.followed.leader
    said = bank.advance(wild)
    # The last minute known is that of a day's end: the costs of the day are those of yesterday.
    cost = followed(said[:, 3 * DAY - 1 : -1], wild[3 * DAY :]).sum()
    assert cost < 1.05 * bank.scores.costs[1].min()
    assert cost < 0.8 * bank.scores.costs[1, calm]


def test_what_is_wanted_lies_within_the_limits():
    load = busy_load(2 * DAY)
    said = new(least=22, most=33).advance(load)[:2, LEAST_KNOWN:]
    assert (said.min(), said.max()) == (22, 33)
    free = new().advance(load)[:2, LEAST_KNOWN:]
    assert free.min() < 22
    assert free.max() > 33


def banded(bank):
    """Return the newest fleets of network and rules."""
    bank.settle()
    return bank.simulated.machines[-1, : bank.simulated.layout.bands]


def test_neither_network_nor_rule_lives_by_machines_that_the_guard_rails_cut():
    load = np.round(busy_load(9 * DAY))
    load[DAY] = 400.0  # for a week, and not longer
    eager = replace(ALL, offsets=(0.0, 3.0))  # the network at twenty times what it wants
    bank = new(chosen=eager)
    bank.advance(load)
    peak = load[-7 * DAY :].max()
    assert peak < 200.0
    assert banded(bank).max() == np.ceil(DEFAULTS.peak_factor * peak)
    before = new(chosen=eager)
    before.advance(load[: 8 * DAY])
    assert banded(before).max() == DEFAULTS.peak_factor * 400.0
    free = new(chosen=replace(eager, peak_factor=100.0))
    free.advance(load)
    assert banded(free).max() > 2 * DEFAULTS.peak_factor * peak


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
        assert np.isfinite(bank.scores.costs).all()
        assert (said[:2] >= least).all()
        assert (said[2:] >= 0.0).all()
