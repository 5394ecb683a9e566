"""What a program is given here and in the local AWS is the same."""

import json
import os
from pathlib import Path

import pytest

from image.errors import CommandError
from image.job import Job
from image.tree import base_folder, decode
from local_mode.aws.training.container import Container
from tests.local_mode.support import channel, job_request

HYPERPARAMETERS = {
    "preset": '"smoke"',
    "seed": "7",
    "environment.mean_machines": "20.5",
    "flag": "true",
    "text": "plain",
}


@pytest.mark.parametrize("inputs", [[], [channel("load", "s3://b/l"), channel("code", "s3://b/c")]])
def test_the_variables_are_those_of_the_local_aws(tmp_path, inputs):
    channels = {"InputDataConfig": inputs} if inputs else {}
    request = job_request("job", "learn", hyperparameters=HYPERPARAMETERS, **channels)
    container = Container(tmp_path, request, "127.0.0.1", ("127.0.0.1", "127.0.0.2"))
    container.prepare()
    there = container.environment({}, tmp_path)
    here = Job.read(tmp_path).variables()
    assert {name: value for name, value in there.items() if name.startswith("SM_")} == here


def test_without_any_file_it_is_one_host_without_channels(tmp_path):
    variables = Job.read(tmp_path).variables()
    assert json.loads(variables["SM_HOSTS"]) == [variables["SM_CURRENT_HOST"]]
    assert variables["SM_CHANNELS"] == "[]"
    assert Job.read(tmp_path).arguments() == []


@pytest.mark.parametrize("text", ["[]", "{", "1"])
def test_a_file_that_holds_no_object_is_named(tmp_path, text):
    path = tmp_path / "input" / "config" / "resourceconfig.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(CommandError, match=r"resourceconfig.json"):
        Job.read(tmp_path)


def test_only_the_variable_moves_the_tree():
    assert base_folder({}) == Path("/opt/ml")
    assert base_folder({"SAGEMAKER_BASE_DIR": ""}) == Path("/opt/ml")
    assert base_folder({"SAGEMAKER_BASE_DIR": "ml"}) == Path(os.getcwd()) / "ml"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        ("a", "a"),
        ("1", 1),
        ("9" * 5000, "9" * 5000),
        (3, 3),
        ("[" * 9999, "[" * 9999),
    ],
)
def test_a_setting_is_json_else_the_text_itself(text, value):
    assert decode(text) == value
