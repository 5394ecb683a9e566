"""Environments that users bring: a module of the bundle, a class; and what is refused."""

import importlib
import json
import re
import sys
import zipfile

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import evaluate
import train
from autoscaling_rl.artifact import pack, verify
from autoscaling_rl.environment_factory import (
    environment_version,
    make_environment,
    make_vector_environment,
)
from autoscaling_rl.errors import UserError
from autoscaling_rl.own_environment import module_hash
from autoscaling_rl.presets import load_preset
from tests.training_src.own import EXAMPLES, TINY_TRAINING, ask, words, write_wheel

TANK = EXAMPLES / "tank"

BROKEN = {
    "own_syntax": "def oops(:\n",
    "own_import": "import numpy\n\n1 / 0\n",
    "own_init": """
import gymnasium

class Bad(gymnasium.Env):
    def __init__(self, depth=1):
        self.values = [0][depth]
""",
}


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Forget modules and registrations of a test."""
    modules, known = set(sys.modules), dict(gymnasium.registry)
    yield
    for name in set(sys.modules) - modules:
        if name == "tank" or name.startswith("own_"):
            del sys.modules[name]
    gymnasium.registry.clear()
    gymnasium.registry.update(known)


@pytest.fixture
def tank(monkeypatch):
    """The example can be imported, as it can beside train.py."""
    monkeypatch.syspath_prepend(str(TANK))


@pytest.fixture
def preset(tmp_path):
    def write(environment):
        path = tmp_path / "own.toml"
        path.write_text(f'toolkit = "sb3"\n[environment]\n{environment}\n')
        return path

    return write


def refusal(path):
    with pytest.raises(UserError) as caught:
        load_preset(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_environment_of_ones_own_is_trained_judged_and_served(tank, tmp_path):
    first, second = tmp_path / "train", tmp_path / "evaluate"
    options = words({"preset": str(TANK / "tank.toml"), **TINY_TRAINING})
    assert train.main([*options, "--base-dir", str(first)]) == 0
    manifest = verify(first / "model")
    assert manifest["environment"]["id"] == "tank:Tank-v0"
    assert manifest["environment"]["settings"] == {"leak": 0.04}
    assert (manifest["input"], manifest["action"]["n"]) == ("observations", 2)
    pack(first / "model", second / "input" / "data" / "checkpoint" / "model.tar.gz")
    assert evaluate.main(["--base-dir", str(second), "--episodes", "4"]) == 0
    card = json.loads((second / "output" / "data" / "scorecard.json").read_text())
    assert (card["default_baseline"], set(card["policies"])) == ("random", {"policy", "random"})
    assert verify(second / "model")["figures"]["evaluation"]["metric"] == "return"
    status, answer = ask(second / "model", {"observations": [[0.1], [0.9]]})
    assert status == 200
    assert set(answer["actions"]) <= {0, 1}


@pytest.fixture
def own_tank(monkeypatch, tmp_path):
    """A copy of the example with a module beside it, a package and a file that nobody imports."""
    folder = tmp_path / "own"
    (folder / "own_package").mkdir(parents=True)
    text = (TANK / "tank.py").read_text()
    (folder / "tank.py").write_text(f"import own_physics\n{text}")
    (folder / "own_physics.py").write_text("import own_package.numbers\n")
    (folder / "own_package" / "numbers.py").write_text("GRAVITY = 9.81\n")
    (folder / "own_unused.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def forget_modules():
    for name in [name for name in sys.modules if name == "tank" or name.startswith("own_")]:
        del sys.modules[name]
    gymnasium.registry.pop("Tank-v0", None)
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ("tank.py", True),
        ("own_physics.py", True),
        ("own_package/numbers.py", True),
        ("own_unused.py", False),
    ],
)
def test_what_was_trained_is_told_apart_by_the_files_of_the_environment(own_tank, changed, seen):
    make_environment({"id": "tank:Tank-v0"}).close()
    before = environment_version("tank:Tank-v0")
    assert re.fullmatch(r"gymnasium [\d.]+, tank [0-9a-f]{16}", before)
    assert environment_version("tank:Tank-v0") == before
    (own_tank / changed).write_text((own_tank / changed).read_text() + "# another one\n")
    forget_modules()
    assert (environment_version("tank:Tank-v0") != before) is seen


def test_checkpoints_of_another_program_of_the_environment_are_refused(own_tank, tmp_path):
    options = words({"preset": str(TANK / "tank.toml"), **TINY_TRAINING})
    options += ["--base-dir", str(tmp_path / "train")]
    assert train.main(options) == 0
    assert train.main(options) == 0
    path = own_tank / "tank.py"
    path.write_text(path.read_text().replace("self.level - 0.5", "self.level - 0.6"))
    forget_modules()
    assert train.main(options) == 2
    failure = (tmp_path / "train" / "output" / "failure").read_text()
    assert "belong to a job with other settings: use the settings, load and files of the" in failure


def test_an_installed_package_is_told_by_its_own_files_alone(monkeypatch, tmp_path):
    write_wheel(
        tmp_path,
        "own_installed",
        "1.0",
        [("own_installed.py", "import own_other\n" + BROKEN["own_init"].replace("=1", "=0"))],
    )
    folder = tmp_path / "target"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    (folder / "own_other.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    before = module_hash("own_installed:Bad")
    (folder / "own_other.py").write_text("# of others\n")
    assert module_hash("own_installed:Bad") == before
    (folder / "own_installed.py").write_text("# of its own\n")
    assert module_hash("own_installed:Bad") != before
    assert module_hash("CartPole-v1") == ""


def test_the_example_passes_gymnasiums_checker_and_is_short(tank):
    env = make_environment({"id": "tank:Tank-v0"})
    check_env(env.unwrapped)
    assert len((TANK / "tank.py").read_text().splitlines()) <= 40


def test_a_class_needs_no_registration(tank, monkeypatch, tmp_path, preset):
    (tmp_path / "own_class.py").write_text("from tank import Tank as OtherTank\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = load_preset(preset('id = "own_class:OtherTank"\nmax_episode_steps = 7\n'))
    assert loaded.environment == {"id": "own_class:OtherTank", "max_episode_steps": 7}
    env = make_vector_environment(loaded.environment, 2, episode_steps=1000)
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, int))[3].tolist() for _ in range(7)]
    assert ends == [[False, False]] * 6 + [[True, True]]
    env.close()


def test_training_episodes_can_be_shorter_than_the_environments(tank):
    env = make_vector_environment({"id": "tank:Tank-v0"}, 1, episode_steps=3)
    env.reset(seed=0)
    assert [env.step(np.zeros(1, int))[3].item() for _ in range(3)] == [False, False, True]
    env.close()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ('id = "tnk:Tank-v0"', ["line 3", "there is no module 'tnk'", "beside train.py"]),
        ('id = ":Tank-v0"', ["line 3", "there is no module ''"]),
        ('id = "tank:Tanc-v0"', ["line 3", "'Tanc-v0'", "did you mean 'Tank-v0'?"]),
        ('id = "tank:Tenk"', ["line 3", "neither registers nor defines", "did you mean 'Tank"]),
        ('id = "tank:Tank-v7"', ["line 3", "cannot be made"]),
        ('id = "tank:a b"', ["line 3", "environment.id 'tank:a b'"]),
        ('id = "tank:Tank-v0"\nleek = 1', ["line 4", "unexpected keyword argument 'leek'"]),
        ('id = "tank:Tank-v0"\nleak = 1\nleek = 1', ["line 5", "keyword argument 'leek'"]),
        ('id = "own_syntax:X-v0"', ["import own_syntax: SyntaxError", "own_syntax.py, line 1"]),
        ('id = "own_import:X-v0"', ["ZeroDivisionError", "own_import.py, line 3"]),
        ('id = "own_init:Bad"', ["line 3", "IndexError", "own_init.py, line 6"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_line(tank, monkeypatch, preset, tmp_path, environment, words):
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    message = refusal(preset(environment))
    assert len(message) < 700
    for word in words:
        assert word in message


def test_spaces_that_no_network_fits_are_refused(monkeypatch, tmp_path, preset):
    (tmp_path / "own_image.py").write_text(
        "import gymnasium\n\nclass Picture(gymnasium.Env):\n"
        "    observation_space = gymnasium.spaces.Box(0, 1, (4, 4))\n"
        "    action_space = gymnasium.spaces.Discrete(2)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = str(preset('id = "own_image:Picture"'))
    base = tmp_path / "ml"
    assert train.main(["--preset", path, "--base-dir", str(base)]) == 2
    reason = (base / "output" / "failure").read_text()
    assert "one row of numbers" in reason
    assert "FlattenObservation" in reason
