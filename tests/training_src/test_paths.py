"""The layout of a SageMaker job: /opt/ml re-rooted, hyperparameters, cluster, arguments."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.errors import UserError
from autoscaling_rl.paths import (
    job_paths,
    read_cluster,
    read_hyperparameters,
    single_file,
    split_arguments,
)


def configured(base, name, content):
    path = base / "input" / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return job_paths(None, {"SAGEMAKER_BASE_DIR": str(base)})


def test_the_base_folder_moves_everything(tmp_path):
    paths = job_paths(None, {"SAGEMAKER_BASE_DIR": str(tmp_path)})
    paths.create()
    assert paths.model == tmp_path / "model"
    assert paths.output_data == tmp_path / "output" / "data"
    assert paths.tensorboard == tmp_path / "output" / "data" / "tensorboard"
    assert paths.failure == tmp_path / "output" / "failure"
    assert paths.checkpoints == tmp_path / "checkpoints"
    assert paths.config == tmp_path / "input" / "config"
    assert paths.model.is_dir()
    assert paths.checkpoints.is_dir()


def test_the_process_environment_is_read_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "a"))
    assert job_paths().model == tmp_path / "a" / "model"


def test_single_folders_are_named_by_sagemakers_variables(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    names = {
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SM_MODEL_DIR": str(tmp_path / "m"),
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "o"),
        "SM_INPUT_CONFIG_DIR": str(tmp_path / "c"),
        "SM_CHANNEL_LOAD": str(tmp_path / "elsewhere"),
        "SM_CHANNELS": '["load"]',
    }
    paths = job_paths(None, names)
    assert (paths.model, paths.output_data) == (tmp_path / "m", tmp_path / "o")
    assert paths.config == tmp_path / "c"
    assert paths.channels == {"load": tmp_path / "elsewhere"}


def test_a_base_folder_on_the_command_line_is_all_that_counts(tmp_path):
    names = {"SAGEMAKER_BASE_DIR": "/nowhere", "SM_MODEL_DIR": "/nowhere/model"}
    assert job_paths(str(tmp_path), names).model == tmp_path / "model"


def test_channels_are_the_folders_that_exist(tmp_path):
    (tmp_path / "input" / "data" / "checkpoint").mkdir(parents=True)
    (tmp_path / "input" / "data" / "load-manifest").write_text("")
    names = {"SAGEMAKER_BASE_DIR": str(tmp_path)}
    assert list(job_paths(None, names).channels) == ["checkpoint"]
    for wrong in ("gone", "input/data/load-manifest"):  # as in input mode Pipe
        with pytest.raises(UserError, match=r"SM_CHANNEL_LOAD: there is no folder .*File"):
            job_paths(None, {**names, "SM_CHANNEL_LOAD": str(tmp_path / wrong)})


def test_without_any_base_folder_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("autoscaling_rl.paths.BASE", str(tmp_path / "opt-ml"))
    with pytest.raises(UserError, match="pass --base-dir DIR, or set SAGEMAKER_BASE_DIR"):
        job_paths(None, {})


def test_a_base_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="pass --base-dir DIR with a folder that can be written"):
        job_paths(str(tmp_path / "file"), {}).create()


def test_a_channel_holds_exactly_one_file(tmp_path):
    folder = tmp_path / "input" / "data" / "load"
    folder.mkdir(parents=True)
    paths = job_paths(str(tmp_path))
    assert single_file(paths, "none", ".csv") is None
    with pytest.raises(UserError, match=r"channel `load` .* exactly one .csv file, found: none"):
        single_file(paths, "load", ".csv")
    (folder / "a.csv").write_text("")
    assert single_file(paths, "load", ".csv") == folder / "a.csv"
    (folder / "b.csv").write_text("")
    with pytest.raises(UserError, match=r"found: a.csv, b.csv"):
        single_file(paths, "load", ".csv")


def test_arguments_win_over_the_file(tmp_path):
    texts = {"seed": "1", "preset": '"smoke"', "n_envs": 8}
    paths = configured(tmp_path, "hyperparameters.json", texts)
    read = read_hyperparameters(paths, {"seed": "2"})
    assert read == {"seed": "2", "preset": '"smoke"', "n_envs": "8"}


def test_no_file_of_sagemaker_is_needed(tmp_path):
    paths = job_paths(str(tmp_path))
    assert read_hyperparameters(paths, {"seed": "2"}) == {"seed": "2"}
    assert read_cluster(paths).hosts == ("localhost",)


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 100_000, '"text"'])
def test_a_broken_hyperparameter_file_is_named(tmp_path, content):
    paths = configured(tmp_path, "hyperparameters.json", content)
    with pytest.raises(UserError, match=r"hyperparameters.json"):
        read_hyperparameters(paths, {})


def test_hosts_and_groups_come_from_the_resource_configuration(tmp_path):
    content = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth0",
        "instance_groups": [{"instance_group_name": "cpu", "hosts": ["algo-2"]}],
    }
    cluster = read_cluster(configured(tmp_path, "resourceconfig.json", content))
    assert cluster.hosts == ("algo-1", "algo-2")
    assert cluster.current_host == "algo-2"
    assert cluster.groups == {"cpu": ("algo-2",)}


@pytest.mark.parametrize("hosts", ["algo-1", [], None])
def test_hosts_that_are_no_list_are_refused(tmp_path, hosts):
    content = {"current_host": "algo-1", "hosts": hosts}
    with pytest.raises(UserError, match="hosts must be a list of names"):
        read_cluster(configured(tmp_path, "resourceconfig.json", content))


def test_a_broken_resource_configuration_is_named(tmp_path):
    paths = configured(tmp_path, "resourceconfig.json", {"hosts": ["algo-1"]})
    with pytest.raises(UserError, match=r"resourceconfig.json .*'current_host'"):
        read_cluster(paths)


def test_an_instance_that_is_none_of_its_hosts_is_refused(tmp_path):
    content = {"current_host": "algo-3", "hosts": ["algo-1", "algo-2"]}
    with pytest.raises(UserError, match=r"current_host 'algo-3' is none of its hosts, algo-1, al"):
        read_cluster(configured(tmp_path, "resourceconfig.json", content))


def test_arguments_are_names_with_values_and_flags():
    words = ["--seed", "3", "--environment.drift", "-0.1", "--a=b=c", "--help", "--empty="]
    values, flags = split_arguments(words, flags=("help",))
    assert values == {"seed": "3", "environment.drift": "-0.1", "a": "b=c", "empty": ""}
    assert flags == {"help"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["seed", "3"], "'seed' belongs to no name"),
        (["--seed"], "--seed has no value"),
        (["--seed", "1", "--seed", "2"], "--seed is given twice"),
        (["--", "x"], "'--' belongs to no name"),
    ],
)
def test_wrong_arguments_are_refused(words, reason):
    with pytest.raises(UserError, match=reason):
        split_arguments(words)


NAMES = st.text("abcxyz._-0", min_size=1, max_size=8).filter(lambda name: name != "help")


@given(st.dictionaries(NAMES, st.text(max_size=8), max_size=4))
def test_whatever_sagemaker_passes_comes_back(values):
    words = [word for name, value in values.items() for word in (f"--{name}", value)]
    assert split_arguments(words, flags=("help",)) == (values, set())
