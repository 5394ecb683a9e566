"""FMU-v0: simulators of FMI 2 and 3, built here by pythonfmu and pythonfmu3 and run by FMPy."""

import gc
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib

import fmpy
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import autoscaling_rl.environments  # noqa: F401 - registers FMU-v0
import evaluate
import train
from autoscaling_rl import bundle_files
from autoscaling_rl.artifact import pack, verify
from autoscaling_rl.environment_factory import (
    check_environment,
    longest_episode,
    make_vector_environment,
)
from autoscaling_rl.environments.fmu import FmuEnv
from autoscaling_rl.errors import UserError
from tests.training_src.fmu_models import KINDS_2, KINDS_3, ROOM_3
from tests.training_src.own import EXAMPLES, ROOT, TINY_TRAINING, ask, build_fmu, edited, words

ROOM = tomllib.loads((EXAMPLES / "room" / "room.toml").read_text())["environment"]
ROOM = {name: value for name, value in ROOM.items() if name not in ("id", "fmu")}
GEARS = {
    "inputs": {"gear": {"values": [0, 2, 3]}, "on": {"values": [0, 1]}},
    "outputs": {"product": {}, "count": {}, "hot": {}},
    "reward": {"product": 1.0},
    "step_seconds": 1.0,
    "episode_seconds": 5.0,
}


@pytest.fixture(scope="module", params=[2, 3])
def room(request, tmp_path_factory):
    """Return the example's room as FMU of version 2 and 3."""
    text = (EXAMPLES / "room" / "room.py").read_text() if request.param == 2 else ROOM_3
    return written(tmp_path_factory.mktemp("room"), f"room_{request.param}", text, request.param)


@pytest.fixture(scope="module", params=[2, 3])
def kinds(request, tmp_path_factory):
    """Return a model with variables of every type."""
    text = KINDS_2 if request.param == 2 else KINDS_3
    return written(tmp_path_factory.mktemp("kinds"), f"kinds_{request.param}", text, request.param)


def written(folder, name, text, version):
    """Build a model; its Python module must have another name than any other of this process."""
    (folder / f"{name}.py").write_text(text)
    return build_fmu(folder / "fmu", folder / f"{name}.py", version)


@pytest.fixture(autouse=True)
def channels(monkeypatch):
    """Forget the channels of a test's jobs."""
    monkeypatch.setattr(bundle_files, "_folders", [])


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Return the folder of temporary files, which every test has to leave empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.glob("fmu-*")) == []


def made(fmu, settings=None, **changes):
    return FmuEnv(fmu=str(fmu), **{**(settings or ROOM), **changes})


def played(env, seed, actions):
    """Return observations and rewards of an episode."""
    observation, _ = env.reset(seed=seed)
    rows, rewards = [observation], []
    for action in actions:
        observation, reward, *_ = env.step(action)
        rows.append(observation)
        rewards.append(reward)
    return np.array(rows), np.array(rewards)


# What it simulates


def test_it_passes_gymnasiums_checker(room):
    env = gymnasium.make("FMU-v0", fmu=str(room), **ROOM)
    check_env(env.unwrapped)
    env.close()


def test_it_simulates_what_the_model_says(room):
    env = made(room)
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 1))
    rows, rewards = played(env, 3, actions)
    env.close()
    temperature = float(np.random.default_rng(3).uniform(10, 25))
    for action, row, reward in zip(actions, rows[1:], rewards, strict=True):
        heating = (action[0] + 1) * 1500
        temperature += 300 * (heating - 100 * (temperature - 5)) / 2e6
        assert row[0] == pytest.approx(temperature, abs=1e-4)
        assert reward == pytest.approx(-abs(temperature - 21) - 1e-4 * heating, abs=1e-4)


@pytest.mark.parametrize("reset", ["reset", "instantiate"])
def test_the_same_seed_gives_the_same_episode(room, reset):
    env = made(room, reset=reset)
    actions = np.linspace(-1, 1, 10)[:, None]
    first, again, other = (played(env, seed, actions)[0] for seed in (1, 1, 2))
    env.close()
    assert (first == again).all()
    assert not (first == other).any()


def test_an_episode_ends_at_its_time_or_where_it_leaves_its_bounds(room):
    env = made(room, episode_seconds=900)
    env.reset(seed=0)
    assert [env.step([0.0])[2:4] for _ in range(3)] == [(False, False)] * 2 + [(False, True)]
    env.close()
    env = made(
        room, terminate={"temperature": {"low": 24.0}}, terminal_reward=-100.0, step_reward=1
    )
    env.reset(seed=0)
    _, reward, terminated, truncated, _ = env.step([-1.0])
    env.close()
    assert (terminated, truncated) == (True, False)
    assert reward < -99


def test_ranges_of_inputs_can_be_kept_as_they_are(room):
    env = made(room, scale_actions=False)
    assert env.action_space == gymnasium.spaces.Box(0.0, 3000.0, (1,), np.float32)
    scaled = made(room)
    pairs = [(1500.0, 0.0), (9999.0, 1.0), (0.0, -2.0)]
    ours, theirs = (
        played(each, 0, [[p[i]] for p in pairs]) for i, each in enumerate((env, scaled))
    )
    env.close()
    scaled.close()
    assert (ours[0] == theirs[0]).all()


def test_a_square_of_the_distance_can_be_the_reward(room):
    reward = {"temperature": {"weight": -2, "target": 20, "power": 2}, "heating": {"weight": -1}}
    env = made(room, reward=reward)
    rows, rewards = played(env, 0, [[-1.0], [1.0]])
    env.close()
    expected = -2 * (rows[1:, 0] - 20) ** 2 - np.array([0, 3000])
    assert rewards == pytest.approx(expected, abs=1e-3)


def test_numbers_of_every_type_are_read_and_written(kinds):
    env = made(kinds, GEARS)
    assert env.action_space == gymnasium.spaces.Discrete(6)
    rows, rewards = played(env, 0, [0, 1, 2, 3, 5])
    env.close()
    assert rows.tolist() == [[0, 0, 0], [0, 1, 0], [0, 2, 1], [0, 3, 1], [2, 4, 1], [3, 5, 1]]
    assert rewards.tolist() == [0, 0, 0, 2, 3]


def test_observations_are_clipped_to_their_bounds(kinds):
    env = made(kinds, GEARS, outputs={"count": {"high": 2}})
    rows, _ = played(env, 0, [0, 0, 0])
    env.close()
    assert rows[:, 0].tolist() == [0, 1, 2, 2]


def test_a_simulator_may_say_that_it_is_done(tmp_path):
    env = made(
        written(tmp_path, "kinds_done", KINDS_2, 2), GEARS, inputs={"gear": {"values": [0, 8]}}
    )
    env.reset(seed=0)
    assert [env.step(action)[2] for action in (0, 1)] == [False, True]
    env.reset(seed=0)
    assert env.step(0)[2] is False
    env.close()


# What it leaves behind


def test_simulators_of_one_process_share_what_was_unpacked(room, temporary):
    first, second = made(room), made(room)
    assert len(list(temporary.glob("fmu-*"))) == 1
    assert (played(first, 0, [[1.0]])[0] == played(second, 0, [[1.0]])[0]).all()
    first.close()
    first.close()
    assert len(list(temporary.glob("fmu-*"))) == 1
    second.close()
    assert list(temporary.glob("fmu-*")) == []


def test_the_file_is_read_once_for_all_simulators(room, tmp_path, monkeypatch):
    path = tmp_path / "copied.fmu"
    path.write_bytes(room.read_bytes())
    read = []

    def count(module, name):
        real = getattr(module, name)

        def counted(*arguments, **options):
            read.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    count(fmpy, "read_model_description")
    count(hashlib, "file_digest")
    settings = {"id": "FMU-v0", "fmu": str(path), **ROOM}
    checked = check_environment(settings, place=str)
    make_vector_environment(checked, 4).close()
    make_vector_environment(checked, 4).close()
    assert sorted(read) == ["file_digest", "read_model_description"]
    # A file that was replaced is read again, and is another simulator.
    edited(room, path, description=lambda text: text + "\n")
    with pytest.raises(UserError, match="is another simulator"):
        make_vector_environment(checked, 2)


def test_a_simulator_that_is_forgotten_is_freed(room, temporary):
    env = made(room)
    assert list(temporary.glob("fmu-*"))
    del env
    gc.collect()
    assert list(temporary.glob("fmu-*")) == []


def test_nothing_is_left_where_nobody_closed(room, tmp_path):
    program = (
        "import gymnasium, sys, autoscaling_rl.environments\n"
        f"env = gymnasium.make('FMU-v0', fmu={str(room)!r}, **{ROOM!r})\n"
        "env.reset(seed=0); print('ran')\n"
    )
    folder = tmp_path / "of-another-process"
    folder.mkdir()
    variables = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "training_src")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert list(folder.iterdir()) == []


def test_a_simulator_that_runs_once_in_a_process_gets_processes(room, tmp_path, temporary):
    name = "canBeInstantiatedOnlyOncePerProcess"
    once = edited(
        room,
        tmp_path / "once.fmu",
        description=lambda text: text.replace(f'{name}="false"', "").replace(
            "<CoSimulation ", f'<CoSimulation {name}="true" '
        ),
    )
    settings = {"id": "FMU-v0", "fmu": str(once), **ROOM}
    several = make_vector_environment(settings, 2)
    together = make_vector_environment({**settings, "fmu": str(room)}, 2)
    assert type(several).__name__ == "AsyncVectorEnv"
    assert longest_episode(several) == longest_episode(together) == 288
    actions = np.zeros((2, 1), np.float32)
    for env in (several, together):
        env.reset(seed=5)
    assert (several.step(actions)[0] == together.step(actions)[0]).all()
    several.close()
    together.close()
    alone = made(once)
    with pytest.raises(Exception, match=r'runs once in a process: .*vectorization_mode="async"'):
        made(once)
    alone.close()
    assert list(temporary.glob("fmu-*")) == []


# Training


def test_a_simulator_is_trained_on_judged_and_its_policy_served(room, tmp_path, monkeypatch):
    first, second = tmp_path / "train", tmp_path / "evaluate"
    preset = tmp_path / "room.toml"
    text = (EXAMPLES / "room" / "room.toml").read_text()
    preset.write_text(text.replace("Room.fmu", room.name))
    for base in (first, second):
        channel = base / "input" / "data" / "simulator"
        channel.mkdir(parents=True)
        (channel / room.name).write_bytes(room.read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # what the preset requires is here already
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    options = words({"preset": str(preset), **TINY_TRAINING})
    assert train.main([*options, "--base-dir", str(first)]) == 0
    environment = verify(first / "model")["environment"]
    assert environment["settings"]["fmu"] == room.name
    assert len(environment["settings"]["sha256"]) == 64
    assert "fmpy 0." in environment["version"]
    pack(first / "model", second / "input" / "data" / "checkpoint" / "model.tar.gz")
    assert evaluate.main(["--base-dir", str(second), "--episodes", "3"]) == 0
    card = json.loads((second / "output" / "data" / "scorecard.json").read_text())
    assert set(card["policies"]) == {"policy", "random"}
    status, answer = ask(second / "model", {"observations": [[15.0], [25.0]]})
    assert status == 200
    assert np.abs(answer["actions"]).max() <= 1

    # A simulator that was changed is not the one that was trained on.
    edited(room, second / "input" / "data" / "simulator" / room.name)
    assert evaluate.main(["--base-dir", str(second), "--episodes", "3"]) == 2
    assert "is another simulator" in (second / "output" / "failure").read_text()
    assert evaluate.main(["--base-dir", str(second), "--episodes", "3", "--sha256", '""']) == 0
