"""A bank over a window of load decides as the artifact's controller does, minute by minute."""

import importlib

import numpy as np
import pytest

from autoscaling_rl import rollout as rollouts
from autoscaling_rl.artifact import write_artifact
from autoscaling_rl.baselines.replay import replay_decisions
from autoscaling_rl.baselines.window import DESIRED, FAILED, Window
from autoscaling_rl.controller.features import NAMES, SIZE, VERSION
from autoscaling_rl.controller.guard import NEVER
from autoscaling_rl.environments.dynamics import IN_SERVICE, due_by_minute, make_rules
from autoscaling_rl.errors import UserError
from autoscaling_rl.rollout import LONGEST_LOAD, ArtifactPolicy, Stretch, rollout
from tests.training_src.banks import DAY, busy_load, fixed_policy

MONDAY = 20_003 * DAY  # of another week than a rollout's: none counts
CAPACITY = 250.0


def model(folder, policy, **guard) -> ArtifactPolicy:
    rng = np.random.default_rng(0)
    write_artifact(
        folder,
        policy=policy,
        environment={"id": "AutoScaling-v0", "profile": "default"},
        preset={"guard": guard},
        seed=0,
        golden_observations=rng.standard_normal((80, SIZE)).astype(np.float32),
        figures={},
    )
    return ArtifactPolicy.load(folder)


@pytest.fixture(scope="module")
def banked(tmp_path_factory):
    return model(tmp_path_factory.mktemp("model"), fixed_policy())


@pytest.mark.parametrize("part", [rollouts.our_bank, rollouts.our_guard], ids=["bank", "guard"])
def test_code_that_is_called_otherwise_is_refused(tmp_path, monkeypatch, part):
    monkeypatch.setattr(part, "INTERFACE", part.INTERFACE + 1)
    with pytest.raises(UserError, match="decides in another way"):
        model(tmp_path, fixed_policy())


def stretch(history, minutes, *, delay=0, minute_of_week=8000, seed=0, **limits) -> Stretch:
    load = CAPACITY * busy_load(history + minutes, seed=seed)
    rules = make_rules(
        capacity=CAPACITY,
        warmups=np.array([3, 4, 6, 9]),
        launch_failure_rate=0.05,
        seed=seed,
        **limits,
    )
    return Stretch(Window(load, history, rules, delay), minute_of_week)


def by_controller(loaded, place, warmup, asked=None):
    """Decide on states as an endpoint does, with the memory of the answer before.

    Args:
        loaded: the artifact.
        place: the stretch.
        warmup: nominal warm-up.
        asked: minutes to ask for, and what is wanted in the others; None: ask for all.
    """
    bank_controller = importlib.import_module(f"{loaded.code.__name__}.bank_controller")
    states = importlib.import_module(f"{loaded.code.__name__}.state")
    window, rules = place.window, place.window.rules
    controller = bank_controller.BankController(loaded.policy, guard_settings=loaded.guard.settings)
    memory, answered = None, 0
    added = removed = -NEVER

    def decide(minute, fleet):
        nonlocal memory, answered, added, removed
        if asked and minute not in asked[0]:
            return asked[1][minute]
        end = window.first + minute - window.metric_delay
        state = states.State(
            minute=MONDAY + place.minute_of_week + minute - window.metric_delay,
            load=window.load[answered if memory else max(0, end - LONGEST_LOAD) : end],
            failed=0.0,
            active=int(fleet[IN_SERVICE]),
            pending=tuple(due_by_minute(fleet, window.clock + minute)),
            capacity=rules.capacity,
            warmup_minutes=warmup,
            failure_price=rules.failure_price,
            min_machines=rules.min_machines,
            max_machines=rules.max_machines,
            memory=memory,
            boot_minutes=tuple(map(float, rules.warmups)),
            launch_failure_rate=rules.launch_failure_rate,
            metric_delay_minutes=window.metric_delay,
            change_price=rules.change_price,
            minimum_billed_minutes=rules.minimum_billed_minutes,
            since_added=min(minute - added, NEVER),
            since_removed=min(minute - removed, NEVER),
        )
        decision = controller.decide(state)
        memory, answered = decision.memory, end
        added = minute if decision.action > 0 else added
        removed = minute if decision.action < 0 else removed
        return decision.desired

    return replay_decisions(window, decide)


def assert_same(loaded, place, warmup, asked=None):
    (found,) = rollout(loaded, [place], warmup)
    expected = by_controller(loaded, place, warmup, asked and (asked, found.desired))
    np.testing.assert_array_equal(found.record, expected.record)


@pytest.mark.parametrize("warmup", [0, 5, 30])
def test_a_rollout_decides_as_the_controller_does(banked, warmup):
    assert_same(banked, stretch(400, 150, minute_of_week=DAY - 70), warmup)


def test_a_rollout_that_begins_on_a_monday_knows_the_days_before(banked):
    assert_same(banked, stretch(7 * DAY, 30, minute_of_week=300), 5, [0, 29])


@pytest.mark.slow
@pytest.mark.parametrize("minute_of_week", [300, 8000])
def test_a_rollout_decides_as_the_controller_does_after_more_than_a_fortnight(
    banked, minute_of_week
):
    place = stretch(15 * DAY, 3 * DAY, minute_of_week=minute_of_week)
    midnights = [day * DAY - place.minute_of_week % DAY for day in (1, 2, 3)]
    asked = {each + offset for each in midnights for offset in range(-12, 12)}
    asked |= {0, 1, 2, 3, *range(5, 300, 5), *range(1000, 3 * DAY, 97)}
    assert_same(banked, place, 5, sorted(asked))


@pytest.mark.slow
def test_every_minute_of_three_days_is_decided_as_the_controller_does(banked):
    assert_same(banked, stretch(15 * DAY, 3 * DAY, seed=1), 5)


@pytest.mark.parametrize("delay", [1, 12])
def test_a_rollout_sees_load_as_late_as_the_controller(banked, delay):
    place = stretch(600, 120, delay=delay, minute_of_week=DAY - 50)
    assert_same(banked, place, 5)
    # What comes later than the delay is not seen.
    load = place.window.load.copy()
    load[-60:] *= 3
    other = Stretch(Window(load, 600, place.window.rules, delay), place.minute_of_week)
    one, two = (rollout(banked, [each], 5)[0].record for each in (place, other))
    assert (one[DESIRED, : 61 + delay] == two[DESIRED, : 61 + delay]).all()
    assert (one[DESIRED, 61 + delay :] != two[DESIRED, 61 + delay :]).any()
    assert (one[FAILED, 60:] != two[FAILED, 60:]).any()


@pytest.mark.parametrize(
    "limits",
    [
        {"min_machines": 25, "max_machines": 31},
        {"min_machines": 0, "failure_price": 3.0},
        {"change_price": 6.0},
        {"minimum_billed_minutes": 240},
    ],
    ids=["limits", "price", "price of change", "minimum billing time"],
)
def test_limits_and_prices_are_the_controllers(banked, limits):
    place = stretch(500, 100, **limits)
    assert_same(banked, place, 5)
    (plain,) = rollout(banked, [stretch(500, 100)], 5)
    (found,) = rollout(banked, [place], 5)
    assert (found.desired != plain.desired).any()
    assert found.desired.min() >= limits.get("min_machines", 1)
    assert found.desired.max() <= limits.get("max_machines", 10**6)


@pytest.mark.parametrize("history", [1, 20, 59, 60, 63])
def test_a_rollout_with_little_history_decides_as_the_controller_does(banked, history):
    assert_same(banked, stretch(history, 80), 5)


def test_a_policy_alone_decides_as_its_controller_does(tmp_path):
    # So greedy that the guard, one and a half times the known peak, holds it back.
    loaded = model(tmp_path, fixed_policy(networks=2, wish=2.0, bank=None))
    place = stretch(300, 100)
    assert_same(loaded, place, 5)
    (found,) = rollout(loaded, [place], 5)
    peaks = [place.window.load[: 300 + minute].max() for minute in range(100)]
    assert found.desired.tolist() == np.ceil(1.5 * np.array(peaks) / CAPACITY).tolist()


def test_the_manifest_names_the_features(banked):
    observation = banked.manifest["observation"]
    assert observation == {"shape": [SIZE], "names": list(NAMES), "version": VERSION}
    assert banked.manifest["action"]["bank"] == banked.policy.bank


@pytest.mark.parametrize(
    ("networks", "guard"),
    [
        (1, {"range_limit": 0.62}),
        (3, {"spread_limit": 0.0127}),
        (1, {"most_added": 1, "most_removed": 1}),
        (1, {"out_cooldown_minutes": 5, "in_cooldown_minutes": 30}),
        (2, {"short_minutes": 450, "reactive_minutes": 60, "most_removed": 1}),
    ],
    ids=str,
)
def test_a_rollout_keeps_to_the_guard_rails_of_the_controller(tmp_path, networks, guard):
    place, policy = stretch(400, 150, minute_of_week=DAY - 70), fixed_policy(networks=networks)
    loaded, free = model(tmp_path / "guarded", policy, **guard), model(tmp_path / "free", policy)
    assert_same(loaded, place, 5)
    (found,), (other,) = (rollout(each, [place], 5) for each in (loaded, free))
    assert (found.desired != other.desired).any()  # the guard had something to do
