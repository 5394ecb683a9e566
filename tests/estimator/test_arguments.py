"""Arguments can be read as attributes, and not be changed behind a job's back."""

import copy

import pytest

from estimator import EstimatorError
from tests.estimator.support import ROOT, bundled


def test_arguments_are_attributes_with_their_defaults() -> None:
    estimator = bundled(max_run=60, tags={"team": "a"}, base_job_name="named")
    assert estimator.entry_point == "train.py"
    assert estimator.source_dir == str(ROOT / "training_src")
    assert (estimator.toolkit, estimator.framework) == ("cem", "numpy")
    assert (estimator.instance_type, estimator.instance_count) == ("local", 1)
    assert estimator.use_spot_instances is False
    assert (estimator.max_run, estimator.volume_size, estimator.max_wait) == (60, 30, None)
    assert (estimator.base_job_name, estimator.role, estimator.output_path) == ("named", None, None)
    assert copy.deepcopy(estimator).max_run == 60
    with pytest.raises(AttributeError, match="RLEstimator has no attribute 'max_runs'"):
        _ = estimator.max_runs


@pytest.mark.parametrize("name", ["max_run", "entry_point", "instance_type", "metric_definitions"])
def test_an_argument_cannot_be_changed_afterwards(name: str) -> None:
    estimator = bundled()
    with pytest.raises(EstimatorError, match=f"{name} cannot be changed: make another RLEstimator"):
        setattr(estimator, name, "other")
    with pytest.raises(EstimatorError, match="hyperparameters can, by set_hyperparameters"):
        estimator.role = "other"
