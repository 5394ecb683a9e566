"""PPO from a hindsight artifact: shared loads, the group's baseline, export, tests, resuming."""

import dataclasses
import functools

import numpy as np
import pytest

from autoscaling_rl.artifact import load_policy, write_artifact
from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.policy import Policy, band_action
from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.shared_loads import SharedLoadFleets, Stretches, boot_times
from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import load_preset
from autoscaling_rl.toolkits import find_toolkit, hindsight_options, hindsight_series, sb3_stretches
from tests.training_src.jobs import sb3_job, sb3_preset

ENVIRONMENT = {"environment.id": "AutoScaling-v0"}
TINY = {
    **ENVIRONMENT,
    "steps": 4 * 8 * 120,
    "n_envs": 8,
    "shared_loads": 4,
    "warm_minutes": 120,
    "warm_series": 4,
    "warm_tests": 2,
    "segment_steps": 2 * 8 * 120,
    "batch_size": 240,
}
UNTRAINED = {
    "networks": "1",
    "steps": "10",
    "windows": "8",
    "window_minutes": "120",
    "series": "3",
    "series_days": "3",
}


def train(job, toolkit="sb3"):
    return find_toolkit(toolkit).train(job)


def save(trained, folder):
    write_artifact(
        folder,
        policy=trained.policy,
        environment={"id": "AutoScaling-v0", "profile": "default"},
        preset={},
        seed=0,
        golden_observations=trained.golden_observations,
        figures={},
    )
    return folder


def hindsight(folder, **changes):
    preset = load_preset("hindsight-autoscaling", UNTRAINED | changes)
    job = sb3_job(folder, preset=preset, checkpoints="hindsight")
    return save(train(job, "hindsight"), folder / "artifact")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A policy of toolkit hindsight that has hardly learnt."""
    return hindsight(tmp_path_factory.mktemp("hindsight"))


@pytest.fixture(scope="module")
def pools():
    """Loads by what they are drawn from, so that each is drawn once."""
    return {
        name: functools.cache(getattr(sb3_stretches, name))
        for name in ("training_pool", "held_out")
    }


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch, pools):
    from autoscaling_rl.toolkits import sb3_warm_training

    for name, draw in pools.items():
        monkeypatch.setattr(sb3_warm_training, name, draw)
    options = functools.partial(hindsight_options.HindsightOptions, series_days=3)
    monkeypatch.setattr(sb3_stretches, "HindsightOptions", options)
    monkeypatch.setattr(sb3_stretches, "TEST_MINUTES", 720)
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)


def warm_job(folder, artifact, *, checkpoints="checkpoints", stop=lambda: False, **changes):
    preset = sb3_preset(folder, **{**TINY, **changes})
    return sb3_job(folder, preset=preset, checkpoints=checkpoints, warm_start=artifact, stop=stop)


def weights(policy):
    return {name: array.tobytes() for name, array in policy.arrays().items()}


def stop_after(asks):
    calls = iter(range(10**9))
    return lambda: next(calls) >= asks


def make_env(pool, policy, settings, **changes):
    from autoscaling_rl.toolkits.sb3_shared_loads import SharedLoadEnv

    return SharedLoadEnv(
        pool, policy, settings, **{"count": 8, "group": 4, "minutes": 90} | changes
    )


def test_a_group_meets_the_same_load_prices_and_boot_times(artifact, pools):
    settings = AutoScalingSettings(launch_failure_rate=0.3, warmup_spread=0.5, change_price=1.0)
    env = make_env(pools["training_pool"](4, settings, 0, None), load_policy(artifact), settings)
    rows = env.begin(5)
    rng, returns = np.random.default_rng(0), np.zeros(8)
    for minute in range(90):
        assert rows.reshape(2, 4, SIZE).std(axis=1).max() == 0.0
        # Every fleet of a group is told the same, so what differs would be luck.
        env.step_async(np.repeat(rng.normal(0.3, 0.5, (2, 2)), 4, axis=0).astype(np.float32))
        rows, rewards, ended, infos = env.step_wait()
        returns += rewards
        assert rewards.reshape(2, 4).std(axis=1).max() == 0.0
        assert ended.all() == ended.any() == (minute == 89)
        assert not any("TimeLimit.truncated" in info for info in infos)
        if minute < 89:
            assert (env.fleets.fleets.reshape(2, 4, -1).std(axis=1) == 0).all()
    assert returns[0] != returns[4]
    np.testing.assert_allclose(env.take_returns(), returns, rtol=1e-5)
    assert len(env.take_returns()) == 0


def test_the_seed_decides_what_the_groups_meet(artifact, pools):
    settings = AutoScalingSettings()
    env = make_env(pools["training_pool"](4, settings, 0, None), load_policy(artifact), settings)
    np.testing.assert_array_equal(env.begin(1), env.begin(1))
    assert not np.array_equal(env.begin(1), env.begin(2))


@pytest.mark.kernels
def test_fleets_step_as_the_policy_steps_them_one_by_one():
    settings = AutoScalingSettings(
        launch_failure_rate=0.2, change_price=0.7, minimum_billed_minutes=7
    )
    rng = np.random.default_rng(1)
    load = rng.uniform(0, 20, (2, 60)).astype(np.float32)
    stretches = Stretches(
        features=np.log1p(load)[:, :, None],
        load=load,
        prices=np.array([5.0, 60.0]),
        change_prices=np.array([0.7, 0.0]),
        gains=np.array([0.5, 2.0]),
        warmups=np.stack([boot_times(5, 0.25), boot_times(1, 0.25)]),
        seeds=np.array([1, 2]),
        clocks=np.array([10, 2**29]),
        start=np.array([3, 12]),
    )
    fleets = SharedLoadFleets(stretches, settings, group=2)
    outputs = rng.normal(0.1, 0.3, (60, 4, 2)).astype(np.float32)
    rewards = np.stack([fleets.step(each) for each in outputs])
    for place, row in enumerate((0, 0, 1, 1)):
        rules = dynamics.make_rules(
            capacity=1.0,
            failure_price=stretches.prices[row],
            change_price=stretches.change_prices[row],
            minimum_billed_minutes=7,
            launch_failure_rate=0.2,
            warmups=stretches.warmups[row],
            seed=stretches.seeds[row],
        )
        fleet = dynamics.new_fleet(int(stretches.start[row]), rules)
        for minute in range(60):
            clock = int(stretches.clocks[row]) + minute
            dynamics.join(fleet, clock, rules)
            before = int(fleet[:2].sum())
            seen = np.array([[stretches.features[row, minute, 0], np.log1p(before)]], np.float32)
            change = int(band_action(seen, outputs[minute, place : place + 1], nearest=True)[0])
            owed = dynamics.scale(fleet, clock, before + change, rules)
            size = int(fleet[:2].sum())
            load = float(stretches.load[row, minute])
            cost = size + owed + rules.failure_price * dynamics.failed_load(fleet, load, 1.0)
            cost += rules.change_price * abs(size - before)
            expected = (load - cost) / (stretches.gains[row] * 60)
            assert rewards[minute, place] == pytest.approx(expected, rel=1e-9), (place, minute)


def test_boot_times_of_any_warmup_have_one_length():
    assert {len(boot_times(warmup, 0.25)) for warmup in (0, 1, 5, 30)} == {256}
    assert [boot_times(warmup, 0.0).tolist() for warmup in (0, 5)] == [[0], [5]]


def test_advantages_are_those_written_by_hand():
    import torch
    from gymnasium import spaces

    from autoscaling_rl.toolkits.sb3_buffer import SharedLoadBuffer

    steps, count, group, gamma, unseen = 12, 6, 3, 0.9, 2
    box = spaces.Box(-1, 1, (2,), np.float32)
    buffer = SharedLoadBuffer(
        steps, box, box, "cpu", 1.0, gamma, count, shared_loads=group, unseen=unseen
    )
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(steps, count)).astype(np.float32)
    for step in range(steps):
        start = np.full(count, step in (0, 7))  # an episode ends after step 6
        row = np.zeros((count, 2), np.float32)
        buffer.add(row, row, rewards[step], start, torch.full((count,), 9.0), torch.zeros(count))
    buffer.compute_returns_and_advantage(torch.full((count,), 99.0), np.ones(count, bool))
    for step in range(steps):
        end = 7 if step < 7 else 12
        returns = [
            sum(gamma ** (later - step) * rewards[later, place] for later in range(step, end))
            for place in range(count)
        ]
        for place in range(count):
            first = place // group * group
            others = [returns[other] for other in range(first, first + group) if other != place]
            expected = 0.0 if end - step <= unseen else returns[place] - sum(others) / 2
            assert buffer.advantages[step, place] == pytest.approx(expected, abs=1e-5)
            assert buffer.returns[step, place] == pytest.approx(returns[place], abs=1e-5)


def test_the_untrained_policy_is_the_artifacts(tmp_path, artifact):
    import torch

    from autoscaling_rl.toolkits.sb3_shared_loads import normalised
    from autoscaling_rl.toolkits.sb3_warm_training import WarmTraining

    before = load_policy(artifact)
    with WarmTraining(warm_job(tmp_path, artifact), before) as training:
        policy = training._policy()
        rows = training._golden(policy)
        with torch.no_grad():
            seen = torch.from_numpy(normalised(policy, rows))
            mean = training.model.policy.get_distribution(seen).mode().numpy()
    assert policy.specification() == before.specification()
    assert policy.bank is not None
    assert weights(policy) == weights(before)
    np.testing.assert_array_equal(policy.outputs(rows), before.outputs(rows))
    np.testing.assert_array_equal(policy.act(rows), before.act(rows))
    np.testing.assert_allclose(mean, policy.outputs(rows), atol=2e-3)
    assert rows.shape[0] >= 64


def test_a_short_training_improves_what_has_hardly_learnt(tmp_path, artifact):
    changes = {"steps": 8 * 64 * 240, "n_envs": 64, "shared_loads": 8, "warm_minutes": 240}
    changes |= {
        "batch_size": 3840,
        "segment_steps": 0,
        "warm_learning_rate": 2e-4,
        "exploration": 0.03,
    }
    trained = train(warm_job(tmp_path, artifact, **changes))
    figures = trained.figures
    assert figures["curve"][0] == [0, None, figures["start_return"]]
    assert figures["test_return"] == max(score for _, _, score in figures["curve"])
    assert figures["test_return"] > figures["start_return"]
    folder = save(trained, tmp_path / "model")
    assert weights(load_policy(folder)) == weights(trained.policy)


def test_what_gets_worse_is_not_kept(tmp_path, artifact, monkeypatch):
    from autoscaling_rl.toolkits import sb3_warm_training

    start = weights(load_policy(artifact))
    monkeypatch.setattr(
        sb3_warm_training,
        "run_policy",
        lambda policy, *rest: np.array([1.0 if weights(policy) == start else 0.0]),
    )
    trained = train(warm_job(tmp_path, artifact))
    assert weights(trained.policy) == start
    assert trained.figures["best_step"] == 0
    assert trained.figures["start_return"] == trained.figures["test_return"] == 1.0


def test_a_resumed_job_gives_the_same_policy_bit_for_bit(tmp_path, artifact):
    whole = train(warm_job(tmp_path, artifact, checkpoints="whole"))
    part = train(warm_job(tmp_path, artifact, checkpoints="part", stop=stop_after(4)))
    assert part.figures["stopped"] is True
    assert 0 < part.figures["steps"] < whole.figures["steps"]
    resumed = train(warm_job(tmp_path, artifact, checkpoints="part"))
    assert weights(resumed.policy) == weights(whole.policy)
    assert resumed.figures["curve"] == whole.figures["curve"]
    assert resumed.figures["start_return"] == whole.figures["start_return"]
    np.testing.assert_array_equal(resumed.golden_observations, whole.golden_observations)
    last = [
        warm_job(tmp_path, artifact, checkpoints=folder).checkpoints.latest()
        for folder in ("whole", "part")
    ]
    assert {name: each.tobytes() for name, each in last[0].arrays.items()} == {
        name: each.tobytes() for name, each in last[1].arrays.items()
    }


def test_a_job_that_is_stopped_at_once_gives_its_start_back(tmp_path, artifact):
    trained = train(warm_job(tmp_path, artifact, stop=lambda: True))
    assert weights(trained.policy) == weights(load_policy(artifact))
    assert trained.figures["stopped"] is True
    assert trained.figures["steps"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_envs": 6}, "n_envs is 6, .*shared_loads = 4 do not divide: set n_envs .* 8"),
        ({"environment.id": "CartPole-v1"}, "profile default of AutoScaling-v0: set environment"),
        ({"environment.profile": "sample"}, "profile default of AutoScaling-v0: set environment"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(tmp_path, artifact, changes, words):
    with pytest.raises(UserError, match=words):
        train(warm_job(tmp_path, artifact, **changes))


def test_an_ensemble_is_refused_with_the_remedy(tmp_path):
    ensemble = hindsight(tmp_path, networks="2", steps="2")
    with pytest.raises(UserError, match=r"averages 2 networks .* training.networks = 1"):
        train(warm_job(tmp_path, ensemble))


def test_features_of_another_version_are_refused_with_the_remedy(artifact):
    from autoscaling_rl.toolkits.sb3_warm_training import WarmTraining

    policy = load_policy(artifact)
    narrow = Policy.from_arrays(
        {
            name: array[1:] if name in ("mean", "scale", "skip", "weight_0") else array
            for name, array in policy.arrays().items()
        },
        policy.specification(),
    )
    with pytest.raises(UserError, match=f"takes {SIZE - 1} numbers .* train it again"):
        WarmTraining(None, narrow)


def test_weights_beyond_fixed_point_stop_training(tmp_path, artifact):
    from autoscaling_rl.toolkits.sb3_warm_training import WarmTraining

    with WarmTraining(warm_job(tmp_path, artifact), load_policy(artifact)) as training:
        training.model.policy.action_net.bias.data.fill_(128.0)
        with pytest.raises(
            UserError, match=r"diverged at step 0: .* lower training.warm_learning_rate"
        ):
            training._policy()


def test_options_of_the_path_replace_the_others(tmp_path):
    options = sb3_preset(tmp_path, **TINY).training
    after = options.after_hindsight()
    assert (after.n_steps, after.rollout, after.segments()) == (120, 960, (2, 2))
    assert (after.gamma, after.learning_rate) == (0.99, options.warm_learning_rate)
    assert dataclasses.replace(options, batch_size=256, n_steps=32).after_hindsight()
    small = dataclasses.replace(options, n_envs=4, n_steps=10_000, batch_size=40_000)
    assert small.after_hindsight().batch_size == 480


def test_a_recorded_load_is_tested_on_where_it_was_not_trained_on(tmp_path, monkeypatch):
    path = tmp_path / "load.csv"
    rows = [f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00Z,{6000 + hour}" for hour in range(240)]
    path.write_text("\n".join(["timestamp,requests", *rows]) + "\n")
    cut, own = [], hindsight_series.prepare

    def prepare(load, *rest):
        cut.append(load)
        return own(load, *rest)

    monkeypatch.setattr(hindsight_series, "prepare", prepare)
    settings = AutoScalingSettings()
    sb3_stretches.training_pool(4, settings, 0, path)
    sb3_stretches.held_out(4, settings, 1, path)
    trained, tested = cut[0], cut[4]  # the recording is first, once in each
    assert trained.max() < tested.min()
