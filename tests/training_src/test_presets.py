"""Presets, settings and hyperparameters: what is accepted, and what every refusal says."""

import dataclasses
import json
import string
import time
import tomllib
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl import presets
from autoscaling_rl.errors import UserError
from autoscaling_rl.hyperparameters import parse
from autoscaling_rl.presets import EvaluationSettings, GeneralSettings, load_preset
from autoscaling_rl.settings import build, documentation, setting
from autoscaling_rl.toml_file import key_lines, read_toml
from autoscaling_rl.toolkits.sb3_options import Sb3Options

CARTPOLE = 'toolkit = "sb3"\n[environment]\nid = "CartPole-v1"\n'


@pytest.fixture
def write(tmp_path):
    def preset(text):
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return preset


def refusal(path, hyperparameters=None):
    with pytest.raises(UserError) as caught:
        load_preset(path, hyperparameters)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", presets.preset_names())
def test_every_preset_of_the_bundle_loads_and_can_be_kept_in_a_manifest(name):
    preset = load_preset(name)
    again = presets.preset_from_manifest(json.loads(json.dumps(preset.effective())))
    assert again == preset
    assert preset.description
    assert name in presets.list_presets()


@pytest.mark.parametrize("name", presets.preset_names())
def test_presets_of_the_bundle_state_only_what_differs_from_the_defaults(name):
    tables, _ = read_toml(presets.PRESETS / f"{name}.toml")
    options = type(load_preset(name).training)
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    for key, value in tables.get("training", {}).items():
        stated = tuple(value) if isinstance(value, list) else value
        assert stated != defaults[key], f"training.{key} repeats its default"


def test_hyperparameters_win_over_the_file_and_the_file_over_defaults(write):
    path = write(CARTPOLE + "[training]\nn_envs = 8\nn_steps = 512\n")
    preset = load_preset(path, {"training.n_envs": "16", "epochs": "7", "seed": "3"})
    assert preset.training.n_envs == 16
    assert preset.training.n_steps == 512
    assert preset.training.epochs == 7
    assert preset.training.gamma == Sb3Options().gamma
    assert preset.seed == 3


def test_reserved_hyperparameters_are_skipped(write):
    texts = {"sagemaker_program": "train.py", "sagemaker_region": '"here"', "preset": "other"}
    texts["_tuning_objective_metric"] = "reward-testing"
    assert load_preset(write(CARTPOLE), texts) == load_preset(write(CARTPOLE))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1e-4", float, 1e-4),
        ('"AutoScaling-v0"', str, "AutoScaling-v0"),
        ("AutoScaling-v0", str, "AutoScaling-v0"),
        ("12", str, "12"),
        ("true", bool, True),
        ("True", bool, True),
        ("[64, 32]", tuple[int, ...], [64, 32]),
        ("null", int | None, None),
        ("None", int | None, None),
        ("None", str | None, None),
        ("[" * 100_000, None, "[" * 100_000),
        # SDK version 2 makes JSON of a text, whatever that text holds.
        ('"1"', int, 1),
        ('"1e-4"', float, 1e-4),
        ('"true"', bool, True),
        ('"[64, 32]"', tuple[int, ...], [64, 32]),
        ('"7"', int | None, 7),
        ('"None"', int | None, None),
        ('"one"', int, "one"),
        ('"1"', str, "1"),
        ('"1"', str | None, "1"),
        ('"1"', None, "1"),
        ('["a"]', tuple[str, ...], ["a"]),
    ],
)
def test_hyperparameters_are_json_or_raw_texts(text, kind, value):
    parsed = parse(text, kind)
    assert (parsed, type(parsed)) == (value, type(value))


def test_a_number_that_came_as_a_text_is_a_number(write):
    texts = {"seed": '"3"', "epochs": '"2"', "learning_rate": '"0.001"'}
    preset = load_preset(write(CARTPOLE), texts)
    assert (preset.seed, preset.training.epochs, preset.training.learning_rate) == (3, 2, 0.001)
    message = refusal(write(CARTPOLE), {"n_envs": '"many"'})
    assert "n_envs must be an integer, not 'many'" in message


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(write):
    message = refusal(write(CARTPOLE + "\n[training]\nn_envs = 8\nlerning_rate = 1e-3\n"))
    assert "mine.toml, line 7:" in message
    assert "'lerning_rate'" in message
    assert "did you mean 'learning_rate'?" in message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('tolkit = "sb3"\n', 1, ["'tolkit'", "'toolkit'"]),
        ('toolkit = "sb4"\n', 1, ["preset.toolkit", "cem, hindsight, sb3"]),
        ("\n\ntraining = 3\n", 3, ["training must be a table"]),
        (CARTPOLE + "[training]\nn_envs = true\n", 5, ["training.n_envs", "integer", "True"]),
        (CARTPOLE + "[training]\nn_envs = 8.0\n", 5, ["training.n_envs", "integer", "8.0"]),
        (CARTPOLE + "[training]\nn_envs = 0\n", 5, ["training.n_envs", "at least 1"]),
        (CARTPOLE + "[training]\ngamma = nan\n", 5, ["training.gamma", "finite"]),
        (CARTPOLE + "[training]\ngamma = 1.5\n", 5, ["training.gamma", "at most 1"]),
        (CARTPOLE + "[training]\nlearning_rate = 0\n", 5, ["greater than 0"]),
        (CARTPOLE + '[training]\nhidden = ["64"]\n', 5, ["training.hidden", "integer"]),
        (CARTPOLE + "[training]\nhidden = 64\n", 5, ["training.hidden", "list"]),
        (CARTPOLE + "[training]\nhidden = []\n", 5, ["training.hidden", "1 to 8 layers"]),
        (CARTPOLE + '[training]\nactivation = "gelu"\n', 5, ["tanh, silu, relu"]),
        (
            CARTPOLE + "[training]\nn_envs = 2\nbatch_size = 4096\n",
            6,
            ["training.batch_size is 4096", "raise training.n_steps"],
        ),
        ("seed = -1\n" + CARTPOLE, 1, ["preset.seed", "at least 0"]),
        (CARTPOLE + "[evaluation]\nepisodes = 1\n", 5, ["evaluation.episodes", "at least 2"]),
        ("[environment]\nid = 3\n", 2, ["environment.id must be a text"]),
        ('toolkit = "sb3"\ntraining = { n_envs = 0 }\n', 2, ["training.n_envs", "at least 1"]),
        ("[environment]\nwarmup_min = 3\n", 2, ["'warmup_min'", "did you mean 'warmup_minutes'?"]),
        ("[environment]\nwarmup_minutes = 900\n", 2, ["environment.warmup_minutes"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_what_it_must_be(write, text, line, words):
    message = refusal(write(text))
    assert f"mine.toml, line {line}:" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"lerning_rate": "1"}, ["'lerning_rate'", "'learning_rate'"]),
        ({"training.lerning_rate": "1"}, ["hyperparameter training.lerning_rate:"]),
        ({"training.n_envs": "many"}, ["hyperparameter training.n_envs:", "integer", "'many'"]),
        ({"n_envs": "4", "training.n_envs": "8"}, ["n_envs", "set the same thing"]),
        ({"toolkit": "sb4"}, ["hyperparameter toolkit:"]),
        ({"x" * 5000: "1"}, ["there is no hyperparameter"]),
    ],
)
def test_a_wrong_hyperparameter_is_refused_by_its_name(write, texts, words):
    message = refusal(write(CARTPOLE), texts)
    assert len(message) < 2000
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\na = 2\n", ["not valid TOML", "line 2"]),
        ("a = [1,\n", ["not valid TOML"]),
        (b"\x00\x80\xff", ["not a text file"]),
        ("#" + "x" * 998 + "\n" + ("#" * 99 + "\n") * 1000, ["larger than 64 kB"]),
        ("a" + ".a" * 20_000 + " = 1\n", ["longer than 1000 characters"]),
        ("a = " + "[\n" * 20_000, ["not valid TOML"]),
        (f"seed = {'9' * 900}\n", ["preset.seed", "at most"]),
    ],
)
def test_files_that_are_no_presets_are_refused_quickly(write, text, words):
    path = write(text)
    started = time.perf_counter()
    message = refusal(path)
    assert time.perf_counter() - started < 1.0
    assert "mine.toml" in message
    assert len(message) < 2000
    for word in words:
        assert word in message


def test_a_missing_preset_is_refused_with_what_there_is(tmp_path):
    message = refusal("ppo-cartpol")
    assert "did you mean 'ppo-cartpole'?" in message
    assert "cannot read" in refusal(tmp_path / "none.toml")


def test_a_baseline_that_the_environment_has_not_is_refused(write):
    for name, said in (
        ("best_tunde", "has no baseline 'best_tunde', did you mean 'best_tuned'?"),
        ("random", "has no baseline 'random', known are best_tuned, hpa_tuned"),
    ):
        message = refusal(write(f'toolkit = "cem"\n[evaluation]\nbaseline = "{name}"\n'))
        assert "mine.toml, line 3: evaluation.baseline" in message
        assert said in message
    cartpole = write('toolkit = "sb3"\n[environment]\nid = "CartPole-v1"\n')
    assert load_preset(cartpole, {"evaluation.baseline": "random"}).evaluation.baseline == "random"
    for name in ("best_tuned", "do_nothing"):
        with pytest.raises(UserError, match=rf"hyperparameter.* has no baseline '{name}'"):
            load_preset(cartpole, {"evaluation.baseline": name})


def test_an_environment_that_cannot_be_made_is_refused_before_training(write):
    message = refusal(write('toolkit = "sb3"\n[environment]\nid = "CartPol-v1"\n'))
    assert "line 3" in message
    assert "'CartPol-v1' cannot be made" in message
    message = refusal(write(CARTPOLE + "gravity_of_mars = 3\n"))
    assert "line 4" in message
    assert "gravity_of_mars" in message
    message = refusal(write(CARTPOLE + "start = 2020-01-01\n"))
    assert "environment.start must be a JSON value" in message


def test_a_profile_brings_its_own_defaults(write):
    text = 'toolkit = "sb3"\n[environment]\nprofile = "sample"\nrevenue = 3\n'
    environment = load_preset(write(text)).environment
    assert environment["capacity"] == 300.0
    assert environment["revenue"] == 3.0
    assert load_preset(write('toolkit = "sb3"\n')).environment["capacity"] != 300.0


def test_settings_of_another_environment_are_passed_on(write):
    preset = load_preset(write(CARTPOLE + "sutton_barto_reward = true\n"))
    assert preset.environment == {"id": "CartPole-v1", "sutton_barto_reward": True}
    texts = {"environment.id": "Pendulum-v1", "environment.g": "9.81"}
    preset = load_preset(write('toolkit = "sb3"\n'), texts)
    assert preset.environment == {"id": "Pendulum-v1", "g": 9.81}


@pytest.mark.parametrize("cls", [Sb3Options, GeneralSettings, EvaluationSettings])
def test_every_setting_is_documented(cls):
    words = documentation(cls)
    assert set(words) == {field.name for field in dataclasses.fields(cls)}
    assert all(words.values())


def test_describe_shows_every_effective_setting_with_its_documentation(write):
    text = presets.describe(load_preset(write(CARTPOLE), {"epochs": "9"}))
    assert "training.epochs = 9  # passes over a rollout" in text
    assert "environment.id = CartPole-v1" in text


@dataclasses.dataclass(frozen=True)
class Sample:
    whole: int = setting(1, minimum=0)
    real: float = 0.0
    maybe: float | None = None
    flag: bool = False
    word: Literal["a", "b"] = "a"


def test_a_literal_is_one_of_its_values():
    assert build(Sample, {"word": "b"}, place=str, what="sample").word == "b"
    with pytest.raises(UserError, match=r"sample.word must be one of a, b, not 'c'"):
        build(Sample, {"word": "c"}, place=str, what="sample")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "whole": st.integers(0, 10**12),
            "real": st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False)),
            "maybe": st.one_of(st.none(), st.floats(-1e9, 1e9)),
            "flag": st.booleans(),
        },
    )
)
def test_settings_keep_every_value_of_the_right_type(values):
    built = dataclasses.asdict(build(Sample, values, place=str, what="sample"))
    assert built == {**dataclasses.asdict(Sample()), **values}
    assert all(
        type(built[name]) is type(default)
        for name, default in vars(Sample()).items()
        if name != "maybe"
    )


@given(
    st.sampled_from(["whole", "real", "maybe", "flag"]),
    st.one_of(st.text(), st.lists(st.integers()), st.just(float("inf")), st.just({})),
)
def test_settings_refuse_every_value_of_a_wrong_type(name, value):
    with pytest.raises(UserError, match=f"^{name}: sample.{name} must be"):
        build(Sample, {name: value}, place=str, what="sample")


KEYS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=5)
VALUES = st.sampled_from(
    ["1", "'#[x = 1]'", '"a\\"[ = "', '"""x\ny = 1\n"""', "'''a\n[b]\n'''", "[1, # ]\n2,\n]",
     "{ z = 1, y = '}' }", "[[1], [\n2]]"]
)  # fmt: skip


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4))
def test_key_lines_finds_the_line_of_every_key(tables):
    lines, expected = ["# a comment = 1"], {}
    for table, keys in tables.items():
        lines.append(f" [ '{table}' ] # [not]")
        expected[table,] = len(lines)
        for key, value in keys.items():
            start = len(lines) + 1
            lines += f'"{key}" = {value} # = "'.split("\n")
            expected[table, key] = start
    text = "\n".join(lines)
    tomllib.loads(text)
    found = key_lines(text)
    assert {key: found[key] for key in expected} == expected
