"""The execution input: what is refused, with what words, and what the defaults are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.errors import InvalidInput
from lambdas.execution_input import BASELINES, ExecutionInput, parse

PRESETS = ("cem-autoscaling", "ppo-autoscaling")

CONTRACT = {
    "preset": None,
    "load": {"profile": "default"},
    "environment": {
        "mean_machines": 20,
        "warmup_minutes": 5,
        "failure_price": 20,
        "change_price": 0,
        "min_machines": 1,
        "max_machines": 0,
    },
    "training": {
        "run": True,
        "instance_type": "ml.c7i.2xlarge",
        "instance_count": 1,
        "use_spot": True,
        "max_run_seconds": 3600,
        "hyperparameters": {"seed": "1"},
    },
    "evaluation": {"run": True, "checkpoint_s3_uri": None, "episodes": 16},
    "gate": {"baseline": "best_tuned", "confidence": 0.95},
    "registry": {"approval": "automatic"},
    "endpoint": {"run": True, "mode": "blue_green"},
    "edge": {"run": False, "thing_group": None},
}


def refusal(document: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(document, presets=PRESETS)
    return str(caught.value)


def test_an_empty_input_has_the_defaults_of_the_contract() -> None:
    document = parse({}, presets=PRESETS)
    assert document == ExecutionInput()
    assert document.training.instance_type == "ml.c7i.2xlarge"
    assert (document.training.use_spot, document.training.max_run_seconds) == (True, 3600)
    assert (document.evaluation.run, document.evaluation.episodes) == (True, None)
    assert (document.gate.baseline, document.gate.confidence) == (None, 0.95)
    assert (document.registry.approval, document.endpoint.mode) == ("automatic", "blue_green")
    assert document.environment.given() == {}


def test_the_whole_input_of_the_contract_is_accepted() -> None:
    document = parse(CONTRACT, presets=PRESETS)
    assert document.environment.given() == CONTRACT["environment"]
    assert document.training.hyperparameters == {"seed": "1"}


@pytest.mark.parametrize("baseline", [*BASELINES, None])
def test_every_baseline_of_the_contract_can_be_named(baseline: str | None) -> None:
    assert parse({"gate": {"baseline": baseline}}, presets=PRESETS).gate.baseline == baseline


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "input: must be a JSON object, not []"),
        (None, "input: must be a JSON object, not null"),
        ({"trainig": {}}, "trainig: unknown key; did you mean training? Known here: preset, load"),
        (
            {"environment": {"warmup_minute": 5}},
            "environment.warmup_minute: unknown key; did you mean environment.warmup_minutes?",
        ),
        (
            {"instance_type": "ml.m5.large"},
            "instance_type: unknown key; did you mean training.instance_type?",
        ),
        ({"\n" * 500: 1}, "unknown key; did you mean"),
        ({"load": 5}, "load: must be a JSON object, not 5"),
        ({"preset": "cem-autoscalin"}, "did you mean cem-autoscaling? Known: cem-autoscaling, ppo"),
        ({"preset": 5}, "preset: must be the name of a preset, not 5"),
        ({"load": {"s3_uri": "https://x/y"}}, "load.s3_uri: must be the address of an object, s3:"),
        (
            {"load": {"s3_uri": "s3://bucket/load.parquet"}},
            "load.s3_uri: must be the address of a .csv",
        ),
        ({"load": {"s3_uri": "s3://bucket/folder/"}}, "load.s3_uri: must be the address"),
        ({"load": {"profile": "sample"}}, "load.profile: must be one of default"),
        (
            {"load": {"s3_uri": "s3://bucket/x.csv", "profile": "default"}},
            "load: give either s3_uri or profile, not both",
        ),
        (
            {"environment": {"mean_machines": 0}},
            "environment.mean_machines: must be a number from 1 to 100000, not 0",
        ),
        ({"environment": {"failure_price": -1}}, "environment.failure_price: must be a number"),
        ({"environment": {"failure_price": float("nan")}}, "environment.failure_price: must be"),
        ({"environment": {"change_price": "1"}}, "environment.change_price: must be a number from"),
        (
            {"environment": {"warmup_minutes": 2.5}},
            "must be a whole number from 0 to 60, not 2.5",
        ),
        ({"environment": {"min_machines": True}}, "environment.min_machines: must be a whole numb"),
        (
            {"environment": {"min_machines": 5, "max_machines": 4}},
            "environment.max_machines: 4 is below min_machines (5); raise it, or use 0",
        ),
        ({"training": {"run": "yes"}}, 'training.run: must be true or false, not "yes"'),
        ({"training": {"instance_type": "c7i.large"}}, "an instance type such as ml.c7i.2xlarge"),
        (
            {"training": {"instance_count": 0}},
            "training.instance_count: must be a whole number fro",
        ),
        ({"training": {"max_run_seconds": 432001}}, "must be a whole number from 1 to 432000"),
        ({"training": {"use_spot": None}}, "training.use_spot: must be true or false, not null"),
        ({"training": {"hyperparameters": [1]}}, "training.hyperparameters: must be a JSON object"),
        (
            {"training": {"hyperparameters": {"lr": [1]}}},
            "training.hyperparameters.lr: must be a string, a finite number, true or false, not [",
        ),
        (
            {"training": {"hyperparameters": {"lr": float("inf")}}},
            "hyperparameters.lr: must be a s",
        ),
        ({"training": {"hyperparameters": {"a": "x" * 2501}}}, "at most 2500 characters"),
        (
            {"training": {"hyperparameters": {"sagemaker_program": "x"}}},
            "names that begin with sagemaker_ are reserved",
        ),
        (
            {"training": {"hyperparameters": {"preset": "x"}}},
            "training.hyperparameters.preset: give it as preset of the input instead",
        ),
        (
            {"training": {"hyperparameters": {"a b": 1}}},
            "hyperparameters.a b: must be a name of let",
        ),
        (
            {
                "environment": {"warmup_minutes": 3},
                "training": {"hyperparameters": {"warmup_minutes": 4}},
            },
            "environment.warmup_minutes is given too; leave one out",
        ),
        (
            {
                "environment": {"warmup_minutes": 3},
                "training": {"hyperparameters": {"environment.warmup_minutes": 4}},
            },
            "environment.warmup_minutes is given too; leave one out",
        ),
        ({"training": {"run": False}}, "training.run: false needs evaluation.checkpoint_s3_uri"),
        (
            {"evaluation": {"checkpoint_s3_uri": "s3://bucket/model.zip"}},
            "must be the address of a model.tar.gz",
        ),
        (
            {"evaluation": {"checkpoint_s3_uri": "s3://bucket/model.tar.gz"}},
            "evaluation.checkpoint_s3_uri: is only read with training.run false",
        ),
        ({"evaluation": {"episodes": 1}}, "evaluation.episodes: must be a whole number from 2"),
        (
            {"evaluation": {"run": False}, "endpoint": {"run": False}},
            'evaluation.run: false needs registry.approval "manual"',
        ),
        (
            {"evaluation": {"run": False}, "registry": {"approval": "manual"}},
            "evaluation.run: false needs endpoint.run false",
        ),
        ({"gate": {"baseline": "hpa"}}, "(did you mean 'hpa_tuned'?)"),
        ({"gate": {"baseline": "oracle"}}, "gate.baseline: must be one of static_best, step_scal"),
        ({"gate": {"confidence": 1}}, "gate.confidence: must be a number from 0.5 to 0.999, not 1"),
        ({"registry": {"approval": "manul"}}, "(did you mean 'manual'?)"),
        ({"registry": {"approval": ["manual"]}}, "registry.approval: must be one of automatic"),
        ({"endpoint": {"mode": "shadow"}}, "'shadow' is not available yet; use 'blue_green'"),
        ({"endpoint": {"mode": "canary"}}, "endpoint.mode: must be one of blue_green, shadow"),
        (
            {"edge": {"run": True}, "registry": {"approval": "manual"}},
            'edge.run: true needs registry.approval "automatic": '
            "what waits for a person's approval reaches no device",
        ),
        (
            {
                "edge": {"run": True},
                "evaluation": {"run": False},
                "endpoint": {"run": False},
                "registry": {"approval": "manual"},
            },
            "edge.run: true needs evaluation.run: what was not judged reaches no device",
        ),
        ({"edge": {"run": 1}}, "edge.run: must be true or false, not 1"),
        ({"edge": {"thing_group": ""}}, "edge.thing_group: must be a thing group's name"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(document: object, expected: str) -> None:
    message = refusal(document)
    assert expected in message
    assert "\n" not in message


def test_several_mistakes_are_reported_together() -> None:
    document = {
        "preset": 1,
        "gate": {"confidence": 2, "basline": "random"},
        "training": {"hyperparameters": {"a": None, "sagemaker_x": 1}},
    }
    lines = refusal(document).split("\n")
    assert [line.partition(":")[0] for line in lines] == [
        "preset",
        "gate.confidence",
        "gate.basline",
        "training.hyperparameters.a",
        "training.hyperparameters.sagemaker_x",
    ]


def test_a_wrong_preset_is_reported_with_wrong_combinations() -> None:
    lines = refusal({"preset": "x", "training": {"run": False}}).split("\n")
    assert [line.partition(":")[0] for line in lines] == ["preset", "training.run"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1e-3", "1e-3"), (3, "3"), (0.5, "0.5"), (True, "true"), ("", "")],
)
def test_hyperparameters_become_strings(value: object, expected: str) -> None:
    document = parse({"training": {"hyperparameters": {"a.b": value}}}, presets=PRESETS)
    assert document.training.hyperparameters == {"a.b": expected}


def test_whole_numbers_may_come_as_floats() -> None:
    document = parse({"training": {"instance_count": 2.0}}, presets=PRESETS)
    assert document.training.instance_count == 2
    assert isinstance(document.training.instance_count, int)


def test_null_leaves_an_environment_key_to_the_preset() -> None:
    document = parse({"environment": {"mean_machines": None}}, presets=PRESETS)
    assert document.environment.given() == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
sections = st.sampled_from(sorted(CONTRACT))
keys = st.sampled_from(sorted({key for part in CONTRACT.values() for key in part or ()}))
near_misses = st.dictionaries(
    sections, json_values | st.dictionaries(keys, json_values | st.sampled_from(BASELINES))
)


@given(json_values | near_misses)
def test_any_json_is_accepted_or_refused_in_lines_of_text(document: object) -> None:
    refused = None
    try:
        result = parse(document, presets=PRESETS)
    except InvalidInput as error:
        refused = error
    if refused is None:
        json.dumps(result.environment.given(), allow_nan=False)
        assert all(isinstance(v, str) for v in result.training.hyperparameters.values())
    else:
        assert refused.problems
        assert str(refused).split("\n") == list(refused.problems)
        assert all(line.isprintable() and ": " in line for line in refused.problems)
