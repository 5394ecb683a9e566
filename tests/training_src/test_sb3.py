"""The toolkit sb3: it learns, resumes bit for bit, exports what it trained, refuses the rest."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from autoscaling_rl import toolkits
from autoscaling_rl.environment_factory import make_vector_environment
from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import load_preset
from autoscaling_rl.toolkits import TrainingStopped, find_toolkit
from autoscaling_rl.toolkits.episodes import run_episodes
from autoscaling_rl.toolkits.sb3_options import Sb3Options
from autoscaling_rl.toolkits.statistics import ObservationScaler, RewardScaler
from tests.training_src.environments import Identity
from tests.training_src.jobs import (
    cartpole_model,
    observations,
    sb3_job,
    sb3_preset,
    stop_after,
    weights,
)

BUNDLE = Path(toolkits.__file__).parents[2]
AUTOSCALING = {"environment.id": "AutoScaling-v0", "environment.episode_minutes": 60}


class Wide(gymnasium.Env):
    """An environment whose spaces are given; it is only looked at."""

    def __init__(self, observation="row", action="discrete"):
        row = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = row if observation == "row" else spaces.Box(0, 1, (2, 2))
        self.action_space = {
            "discrete": spaces.Discrete(2),
            "shifted": spaces.Discrete(2, start=1),
            "matrix": spaces.Box(-1, 1, (2, 2)),
            "unbounded": spaces.Box(-np.inf, np.inf, (1,)),
            "whole": spaces.Box(0, 9, (1,), np.int32),
            "several": spaces.MultiDiscrete([2, 2]),
        }[action]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}


gymnasium.register("Wide-v0", Wide)


def train(job):
    return find_toolkit("sb3").train(job)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"normalise_observations": False, "normalise_rewards": True, "activation": "silu"},
        {"environment.id": "Pendulum-v1", "learning_rate_schedule": "constant"},
        {**AUTOSCALING, "reward_scale": 0.05, "episode_steps": 30},
        {"environment.max_episode_steps": 60, "segment_steps": 0},
    ],
    ids=["cartpole", "cartpole-rewards", "pendulum", "autoscaling", "time-limit"],
)
def test_a_resumed_job_gives_the_same_policy_bit_for_bit(tmp_path, changes, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    preset = sb3_preset(tmp_path, **changes)
    whole = train(sb3_job(tmp_path, preset=preset, checkpoints="whole"))
    # Asked before each segment and before each of its rollouts: the sixth time is in segment 2.
    with_part = sb3_job(tmp_path, preset=preset, checkpoints="part", stop=stop_after(4))
    part = train(with_part)
    assert part.figures["stopped"] is True
    assert part.figures["steps"] < whole.figures["steps"]
    resumed = train(sb3_job(tmp_path, preset=preset, checkpoints="part"))
    assert weights(resumed.policy) == weights(whole.policy)
    assert resumed.figures["curve"] == whole.figures["curve"]
    np.testing.assert_array_equal(resumed.golden_observations, whole.golden_observations)
    first = sb3_job(tmp_path, checkpoints="whole").checkpoints.latest()
    second = sb3_job(tmp_path, checkpoints="part").checkpoints.latest()
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes(), name


def test_a_finished_job_that_is_started_again_gives_the_same_policy(tmp_path):
    first = train(sb3_job(tmp_path))
    again = train(sb3_job(tmp_path))
    assert weights(again.policy) == weights(first.policy)


def test_the_seed_decides(tmp_path):
    first = train(sb3_job(tmp_path, checkpoints="a"))
    other = sb3_preset(tmp_path, seed=1)
    second = train(sb3_job(tmp_path, preset=other, checkpoints="b"))
    assert weights(first.policy) != weights(second.policy)


def test_a_stop_within_the_grace_time_finishes_the_segment(tmp_path):
    job = sb3_job(tmp_path, stop=stop_after(2))
    trained = train(job)
    assert trained.figures["stopped"] is True
    assert job.checkpoints.latest().step == 1


def test_a_stop_before_the_first_checkpoint_leaves_no_policy(tmp_path, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    job = sb3_job(tmp_path, stop=stop_after(1))
    with pytest.raises(TrainingStopped, match="before the first checkpoint"):
        train(job)
    assert job.checkpoints.latest() is None


def test_the_numpy_policy_is_the_torch_policy(tmp_path):
    import torch

    from autoscaling_rl.toolkits.sb3_training import Training

    for changes in ({}, {"environment.id": "Pendulum-v1", "activation": "relu"}):
        preset = sb3_preset(tmp_path, **changes)
        folder = f"{preset.environment['id']}"
        with Training(sb3_job(tmp_path, preset=preset, checkpoints=folder)) as training:
            training.run()
            policy = training._policy()
            rows = observations(500, inputs=policy.inputs) * 5
            scaled = training.scaler.apply(rows, learn=False)
            with torch.no_grad():
                network = training.model.policy.get_distribution(torch.from_numpy(scaled))
                expected = network.mode().numpy()
        if policy.head == "continuous":
            bounds = training.model.action_space.low, training.model.action_space.high
            np.testing.assert_allclose(policy.act(rows), np.clip(expected, *bounds), atol=1e-5)
        else:
            np.testing.assert_array_equal(policy.act(rows), expected)


@pytest.mark.parametrize("discrete", [True, False])
def test_it_learns_an_easy_environment_in_seconds(tmp_path, discrete):
    preset = sb3_preset(
        tmp_path,
        **{
            "environment.id": "Identity-v0",
            "environment.discrete": discrete,
            "steps": 16384,
            "n_envs": 32,
            "n_steps": 16,
            "epochs": 6,
            "learning_rate": 0.01,
            "segment_steps": 0,
            "gamma": 0.0,
        },
    )
    trained = train(sb3_job(tmp_path, preset=preset))
    assert trained.figures["test_return"] > -1.0  # 16 steps; random play gets about -16
    answers = trained.policy.act(np.array([[-1.0], [1.0]], np.float32)).ravel()
    assert answers[0] < answers[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cartpole_preset_balances_the_pole(tmp_path, seed):
    preset = load_preset("ppo-cartpole", {"seed": str(seed)})
    trained = train(sb3_job(tmp_path, preset=preset))
    env = make_vector_environment(preset.environment, 32)
    assert run_episodes(env, trained.policy, seed=99).returns.mean() >= 475


def test_a_cut_episode_is_bootstrapped_and_an_ended_one_is_not(tmp_path):
    from autoscaling_rl.toolkits.sb3_training import Training

    preset = sb3_preset(tmp_path, episode_steps=5, steps=256)
    with Training(sb3_job(tmp_path, preset=preset)) as training:
        env = training.env
        env.begin(0)
        cut = ended = 0
        for step in range(200):
            env.step_async(np.full(4, step % 2))
            rows, _, dones, infos = env.step_wait()
            assert rows.flags.c_contiguous
            for place in np.flatnonzero(dones):
                info = infos[place]
                final = info["terminal_observation"]
                assert not np.array_equal(final, rows[place])
                cut += info["TimeLimit.truncated"]
                ended += not info["TimeLimit.truncated"]
            assert all(infos[place] == {} for place in np.flatnonzero(~dones))
        assert cut > 0
        returns = env.take_returns()
        assert len(returns) == cut + ended
        assert returns.max() == 5.0
        assert len(env.take_returns()) == 0
        assert env.env_is_wrapped(object) == [False] * 4
        with pytest.raises(NotImplementedError):
            env.env_method("render")
        with pytest.raises(NotImplementedError):
            env.set_attr("x", 1)


def test_values_after_a_cut_reach_the_returns(tmp_path):
    """The numeric oracle of bootstrapping: constant value, one step, no learning."""
    import torch

    from autoscaling_rl.toolkits.sb3_training import Training

    changes = {"environment.id": "Identity-v0", "environment.length": 1, "gamma": 0.5}
    preset = sb3_preset(tmp_path, **changes, gae_lambda=0.0, n_steps=64)
    with Training(sb3_job(tmp_path, preset=preset)) as training:
        model = training.model
        with torch.no_grad():
            model.policy.value_net.weight.zero_()
            model.policy.value_net.bias.fill_(10.0)
        model._last_obs = training.env.begin(0)
        model._last_episode_starts = np.ones(4, bool)
        model.collect_rollouts(training.env, training.callback, model.rollout_buffer, 64)
        played = training.env.take_returns().reshape(64, 4)
        expected = played + 0.5 * 10.0 - 10.0
        np.testing.assert_allclose(model.rollout_buffer.advantages, expected, atol=1e-5)


def test_environments_that_reset_in_the_next_step_are_refused():
    from autoscaling_rl.toolkits.sb3_vector import VectorAdapter

    env = SyncVectorEnv([Identity], autoreset_mode=AutoresetMode.NEXT_STEP)
    scalers = {
        "observations": ObservationScaler(1, enabled=False),
        "rewards": RewardScaler(1, scale=1.0, gamma=0.9, enabled=False),
    }
    with pytest.raises(ValueError, match="within the step that ends an episode"):
        VectorAdapter(env, **scalers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation": "picture"}, ["observations that are one row", "FlattenObservation"]),
        ({"action": "shifted"}, ["actions that are Discrete from 0"]),
        ({"action": "matrix"}, ["one bounded row of real numbers"]),
        ({"action": "unbounded"}, ["one bounded row of real numbers"]),
        ({"action": "whole"}, ["one bounded row of real numbers"]),
        ({"action": "several"}, ["MultiDiscrete([2 2])"]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_spaces_that_do_not_fit_are_refused(tmp_path, changes, words):
    named = {f"environment.{name}": value for name, value in changes.items()}
    preset = sb3_preset(tmp_path, **{"environment.id": "Wide-v0", **named})
    with pytest.raises(UserError) as caught:
        train(sb3_job(tmp_path, preset=preset))
    assert all(word in str(caught.value) for word in words)


def test_a_missing_torch_names_the_remedy(tmp_path, monkeypatch):
    for name in ("sb3_training", "sb3_segments", "sb3_cluster"):
        monkeypatch.delitem(sys.modules, f"autoscaling_rl.toolkits.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"needs torch, .* run `make setup-sb3`"):
        train(sb3_job(tmp_path))


def test_a_load_file_is_refused_by_environments_without_load(tmp_path):
    with pytest.raises(UserError, match="CartPole-v1 has no load"):
        train(sb3_job(tmp_path, load_path=tmp_path / "load.csv"))


def test_a_recorded_load_is_trained_on_up_to_its_last_third(tmp_path):
    path = tmp_path / "load.csv"
    rows = [f"2024-01-0{1 + hour // 24}T{hour % 24:02}:00Z,{60 * hour}" for hour in range(96)]
    path.write_text("\n".join(["timestamp,requests", *rows[:80]]) + "\n")
    preset = sb3_preset(tmp_path, **AUTOSCALING, steps=256, segment_steps=0)
    trained = train(sb3_job(tmp_path, preset=preset, load_path=path))
    assert trained.policy.head == "levels"
    assert trained.figures["steps"] == 256
    path.write_text("\n".join(["timestamp,requests", *rows[:40]]) + "\n")
    with pytest.raises(UserError, match="48 hours"):
        train(sb3_job(tmp_path, preset=preset, load_path=path, checkpoints="other"))


def test_nothing_heavy_is_imported_before_training():
    code = (
        "import sys, train\n"
        "from autoscaling_rl import artifact, toolkits\n"
        "toolkits.find_toolkit('sb3')\n"
        "heavy = {'torch', 'stable_baselines3', 'tensorboard', 'onnx', 'gymnasium', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=BUNDLE, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def artifact(tmp_path):
    trained = train(sb3_job(tmp_path, checkpoints="first"))
    return cartpole_model(tmp_path / "artifact", trained)


def test_a_warm_start_begins_with_the_policy_of_the_artifact(tmp_path, artifact):
    from autoscaling_rl.artifact import load_policy
    from autoscaling_rl.toolkits.sb3_training import Training

    with Training(sb3_job(tmp_path, warm_start=artifact)) as training:
        training._restore()
        policy = training._policy()
    before, rows = load_policy(artifact), observations()
    np.testing.assert_allclose(policy.outputs(rows), before.outputs(rows), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", [{"hidden": [8, 8]}, {"activation": "relu"}])
def test_a_warm_start_with_other_layers_is_refused(tmp_path, artifact, changes):
    preset = sb3_preset(tmp_path, **changes)
    with pytest.raises(UserError, match=r"its layers are 4-16-2 tanh, this preset's are 4-"):
        train(sb3_job(tmp_path, preset=preset, checkpoints="other", warm_start=artifact))


def test_the_options_are_the_defaults_where_nothing_is_said():
    assert dataclasses.asdict(Sb3Options())["hidden"] == (64, 64)
    assert Sb3Options().segments() == (13, 13, 13, 12, 12, 12, 12, 12, 12, 12)
