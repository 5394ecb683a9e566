"""The policy over windows: every way of running it decides as the artifact's controller does."""

import numpy as np
import pytest

from autoscaling_rl.artifact import write_artifact
from autoscaling_rl.baselines.window import DESIRED, FAILED, Window
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.guard import NEVER
from autoscaling_rl.controller.observation import SIZE
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.controller.state import State
from autoscaling_rl.environments.dynamics import due_by_minute, join, make_rules, scale
from autoscaling_rl.errors import UserError
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout
from autoscaling_rl.rollout_guard import sliding_peak
from tests.training_src.endpoints import relist
from tests.training_src.jobs import small_policy

DAY, MONDAY = 1440, 20_003 * 1440  # of another week than a rollout's: none counts


def band(*, skip: bool = False) -> Policy:
    """Return a band policy that uses load alone, or the fleet as well."""
    rng = np.random.default_rng(3)
    weights = (0.05 * rng.standard_normal((SIZE, 2))).astype(np.float32)
    weights[:6] = 0.0
    weights[3] = 0.2 if skip else 0.0
    return Policy((weights,), (np.array([0.2, 0.1], np.float32),), head="band")


def model(folder, policy: Policy, **guard) -> ArtifactPolicy:
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


def stretch(*, history: int = 300, minutes: int = 200, seed: int = 0, delay: int = 0) -> Stretch:
    rng = np.random.default_rng(seed)
    load = rng.integers(500, 5000, history + minutes).astype(np.float64)
    rules = make_rules(
        capacity=250.0,
        warmups=np.array([3, 4, 6]),
        launch_failure_rate=0.1,
        seed=seed,
        max_machines=18,
    )
    return Stretch(Window(load, history, rules, delay), history % 10080)


def by_controller(loaded: ArtifactPolicy, place: Stretch, warmup: int) -> list[int]:
    """Decide minute by minute on states, as an endpoint does."""
    controller, window = Controller(loaded.policy, loaded.guard.settings), place.window
    fleet, desired, failed = window.fleet(), [], 0.0
    added = removed = -NEVER
    for minute in range(window.minutes):
        join(fleet, minute, window.rules)
        load = window.load[: window.first + minute]
        state = State(
            minute=MONDAY + place.minute_of_week + minute,
            load=load,
            failed=failed,
            active=int(fleet[0]),
            pending=tuple(due_by_minute(fleet, minute)),
            capacity=window.rules.capacity,
            warmup_minutes=warmup,
            max_machines=window.rules.max_machines,
            since_added=min(minute - added, NEVER),
            since_removed=min(minute - removed, NEVER),
        )
        decision = controller.decide(state)
        desired.append(decision.desired)
        added = minute if decision.action > 0 else added
        removed = minute if decision.action < 0 else removed
        scale(fleet, minute, desired[-1], window.rules)
        failed = max(0.0, window.requests[minute] - fleet[0] * window.rules.capacity)
    return desired


@pytest.mark.parametrize(
    "policy",
    [
        band(),
        band(skip=True),
        small_policy("levels", inputs=SIZE, outputs=3, levels=(-2, 0, 3)),
    ],
    ids=["band", "band with fleet", "levels"],
)
def test_a_rollout_decides_as_the_controller_does(tmp_path, policy):
    loaded, place = model(tmp_path, policy), stretch(minutes=120)
    (trajectory,) = rollout(loaded, [place], 4)
    assert trajectory.record[DESIRED].tolist() == by_controller(loaded, place, 4)
    assert loaded.load_alone == (policy.head == "band" and not policy.weights[0][3].any())


@pytest.mark.parametrize(
    "guard",
    [
        {"range_limit": 0.17},
        {"range_limit": 0.17, "reactive_target": 0.4, "reactive_minutes": 40, "peak_factor": 2.0},
        {"most_added": 2, "most_removed": 1},
        {"out_cooldown_minutes": 4, "in_cooldown_minutes": 7},
        {"most_added": 3, "in_cooldown_minutes": 5, "range_limit": 0.17, "short_minutes": 320},
    ],
    ids=str,
)
def test_a_rollout_keeps_to_the_guard_rails_of_the_controller(tmp_path, guard):
    place = stretch(minutes=120)
    policies = (band(), small_policy("levels", inputs=SIZE, outputs=3, levels=(-2, 0, 3)))
    changed = 0
    for number, policy in enumerate(policies):
        free = model(tmp_path / f"free{number}", policy, range_limit=0.0)
        guarded = model(tmp_path / f"guarded{number}", policy, **guard)
        (trajectory,) = rollout(guarded, [place], 4)
        assert trajectory.record[DESIRED].tolist() == by_controller(guarded, place, 4)
        changed += (trajectory.record != rollout(free, [place], 4)[0].record).any()
    assert changed  # the guard had something to do


def test_windows_side_by_side_give_what_each_gives_alone(tmp_path):
    loaded = model(tmp_path, small_policy("levels", inputs=SIZE, outputs=3, levels=(-2, 0, 3)))
    places = [stretch(seed=seed) for seed in range(3)]
    together = rollout(loaded, places, 4)
    for place, trajectory in zip(places, together, strict=True):
        (alone,) = rollout(loaded, [place], 4)
        assert (alone.record == trajectory.record).all()


@pytest.mark.parametrize("delay", [0, 2])
def test_decisions_do_not_depend_on_the_future(tmp_path, delay):
    loaded, place = model(tmp_path, band()), stretch(delay=delay)
    load = place.window.load.copy()
    changed = place.window.first + 100
    load[changed:] *= 3
    other = Stretch(
        Window(load, place.window.first, place.window.rules, delay), place.minute_of_week
    )
    one, two = (rollout(loaded, [each], 4)[0].record for each in (place, other))
    assert (one[DESIRED, : 101 + delay] == two[DESIRED, : 101 + delay]).all()
    assert (one[FAILED, 101:] != two[FAILED, 101:]).any()


def test_an_artifact_that_observes_otherwise_is_refused(tmp_path):
    model(tmp_path, band())
    code = tmp_path / "code" / "controller" / "observation.py"
    code.write_text(code.read_text() + "\n# another version\n")
    relist(tmp_path)
    with pytest.raises(UserError, match="decides in another way"):
        ArtifactPolicy.load(tmp_path)


def test_the_sliding_peak_is_the_largest_of_the_last_values():
    values = np.random.default_rng(0).uniform(size=257)
    for width in (1, 2, 7, 64, 300):
        expected = [values[max(0, end - width + 1) : end + 1].max() for end in range(len(values))]
        assert sliding_peak(values, width).tolist() == expected
