"""Arguments of the wrong kind: one line that names the argument, whatever it is."""

import inspect
import typing
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from estimator import (
    CategoricalParameter,
    EstimatorError,
    HyperparameterTuner,
    IntegerParameter,
    RLEstimator,
    TrainingInput,
)
from estimator.metrics import check_regexes, definition_list
from estimator.options import Options
from tests.estimator.conftest import Make
from tests.estimator.support import METRIC, ROOT, bundled, tuner

DEFAULTS = {
    "entry_point": "train.py",
    "source_dir": str(ROOT / "training_src"),
    "toolkit": "cem",
    "framework": "numpy",
    "instance_type": "local",
}
NAMES = sorted(
    {*typing.get_type_hints(Options), *DEFAULTS}
    | {"toolkit_version", "image_uri", "hyperparameters", "metric_definitions"}
)
TUNER_NAMES = sorted(inspect.signature(HyperparameterTuner).parameters)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**6),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.just(Decimal(1)),
    st.just(Path("x")),
    st.just(np.int64(3)),
    st.just(np.bool_(True)),
    st.just(np.zeros(2)),
    st.builds(object),
)
ANYTHING = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), SCALARS, max_size=2),
    st.sets(st.integers(), max_size=2),
)


@example({"dependencies": [None]})
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, min_size=1, max_size=3))
def test_an_estimator_is_made_or_refused_in_one_line(arguments: dict[str, object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            RLEstimator(**DEFAULTS | arguments)
        except EstimatorError as error:
            assert "\n" not in str(error)  # noqa: PT017 - being made is as good


@given(st.sampled_from(TUNER_NAMES), ANYTHING)
def test_a_tuner_is_refused_in_one_line(name: str, value: object) -> None:
    # No such hyperparameter: refused at the latest where the preset is asked.
    own = {"estimator": bundled(), "hyperparameter_ranges": {"no-such": 1}}
    with pytest.raises(EstimatorError):
        HyperparameterTuner(**{"objective_metric_name": METRIC} | own | {name: value})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"instance_count": "2"}, "instance_count is '2': write a whole number"),
        ({"instance_count": True}, "instance_count is True: write a whole number"),
        ({"max_run": "3600"}, "max_run is '3600': write a whole number"),
        ({"use_spot_instances": "True"}, "use_spot_instances is 'True': write True or False"),
        ({"tags": "a"}, "tags is 'a': write a list or a dict"),
        ({"tags": ["a"]}, "tags: 'a' is no tag"),
        ({"environment": ["A=1"]}, "environment is .*: write a dict"),
        ({"hyperparameters": "preset"}, "hyperparameters is 'preset': write a dict"),
        ({"hyperparameters": {1: 2}}, "the name 1 is no text"),
        ({"instance_type": None, "instance_groups": [{}]}, "write InstanceGroup"),
        ({"metric_definitions": {"Name": "a", "Regex": "(b)"}}, "metric_definitions is"),
        ({"metric_definitions": [{"Name": "a"}]}, "metric_definitions: .* is no definition"),
        ({"entry_point": ""}, "entry_point is missing"),
        ({"dependencies": [5]}, "dependencies: an entry is 5: write a text"),
        ({"role": 5}, "role is 5: write a text"),
        ({"toolkit": np.zeros(2)}, "toolkit is array.*: write a text"),
        ({"image_uri": 5}, "image_uri is 5: write a text"),
    ],
)
def test_the_argument_and_its_kind_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(EstimatorError, match=said):
        bundled(**arguments)


def test_numpys_scalars_are_numbers() -> None:
    estimator = bundled(
        instance_count=np.int64(1),
        hyperparameters={"seed": np.array(3), "flag": np.bool_(True), "self": np.float64(0.5)},
    )
    assert estimator.hyperparameters() == {"seed": 3, "flag": True, "self": 0.5}
    ranges = {"population": IntegerParameter(np.int64(8), np.int32(48))}
    ranges["generations"] = CategoricalParameter(np.array([2, 3]))
    found = tuner(bundled(), objective_metric_name="reward-testing", hyperparameter_ranges=ranges)
    assert found.settings.ranges == {
        "population": IntegerParameter(8, 48),
        "generations": CategoricalParameter([2, 3]),
    }


def test_a_channel_of_another_kind_is_named(make: Make) -> None:
    with pytest.raises(EstimatorError, match=r"channel load is TrainingInput\(s3_data=Posix"):
        make().fit({"load": TrainingInput(Path("x"))})
    with pytest.raises(EstimatorError, match="job_name is 5: write a text"):
        make().fit(job_name=5)
    with pytest.raises(EstimatorError, match="experiment_config is 'a': write a dict"):
        make().fit(experiment_config="a")


@pytest.mark.parametrize(("regex", "said"), [("(", "is broken"), ("reward", "has no group")])
def test_a_regex_that_finds_no_value_is_refused_before_the_upload(regex: str, said: str) -> None:
    with pytest.raises(EstimatorError, match=f"the Regex of a, .*, {said}"):
        check_regexes(definition_list([{"Name": "a", "Regex": regex}]))
