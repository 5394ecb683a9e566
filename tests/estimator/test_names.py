"""Names: unique also among threads, and a name that is taken keeps what lies under it."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from estimator import EstimatorError, RLEstimator, compare
from estimator.names import timestamped, timestamped_short
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, bundled, keys, read_object, tuner


def test_names_of_one_moment_differ() -> None:
    for make_name, longest in ((timestamped, 63), (timestamped_short, 32)):
        with ThreadPoolExecutor(4) as pool:
            names = list(pool.map(make_name, ["base"] * 400))
        assert len(set(names)) == len(names)
        assert all(len(make_name("b" * length)) <= longest for length in (1, 40, 90))


def test_the_bundle_of_a_job_outlives_a_second_job_of_its_name(
    make: Make, aws: LocalAws, tmp_path: Path
) -> None:
    make().fit(logs=False, job_name="one-name")
    uri = f"s3://{BUCKET}/jobs/one-name/source/sourcedir.tar.gz"
    before = read_object(aws, uri)
    (tmp_path / "train.py").write_text("print('another program')\n")
    with pytest.raises(EstimatorError, match=r"one-name was not started: ResourceInUse.*job_name"):
        make(source_dir=tmp_path).fit({"load": f"file://{tmp_path}"}, job_name="one-name")
    assert read_object(aws, uri) == before
    assert keys(aws, prefix="jobs/one-name/input/") == []


def test_the_bundle_of_a_search_outlives_a_second_search_of_its_name(
    make: Make, aws: LocalAws, tmp_path: Path
) -> None:
    tuner(make()).fit(job_name="one-search")
    uri = f"s3://{BUCKET}/jobs/one-search/source/sourcedir.tar.gz"
    before = read_object(aws, uri)
    (tmp_path / "train.py").write_text("print('another program')\n")
    with pytest.raises(EstimatorError, match=r"one-search was not started: ResourceInUse"):
        tuner(make(source_dir=tmp_path)).fit(job_name="one-search")
    assert read_object(aws, uri) == before


def test_results_come_to_the_folder_of_a_job_that_was_attached_to(
    make: Make, tmp_path: Path
) -> None:
    estimator = make(output_path=f"file://{tmp_path}/results", hyperparameters={"pause": 0.2})
    estimator.fit(wait=False)
    name = estimator.latest_training_job.name
    RLEstimator.attach(name)
    found = sorted(path.name for path in (tmp_path / "results" / name / "output").iterdir())
    assert found == ["model.tar.gz", "output.tar.gz"]


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_training(
    make: Make, tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EstimatorError, match=rf"output_path: {tmp_path}/file is no folder"):
        make(output_path=f"file://{tmp_path}/{path}").fit()


def test_results_that_find_no_room_are_not_lost(make: Make, tmp_path: Path) -> None:
    estimator = make(output_path=f"file://{tmp_path}/results", hyperparameters={"pause": 0.2})
    estimator.fit(wait=False)
    (tmp_path / "results").touch()
    with pytest.raises(EstimatorError, match=r"cannot be written to .*they lie in s3://.*/output/"):
        estimator.latest_training_job.wait(logs=False)


def test_copies_share_the_session_and_pickles_are_refused(make: Make) -> None:
    assert pickle.loads(pickle.dumps(bundled())).hyperparameters() == {"preset": "smoke"}
    estimator = make()
    estimator.fit(logs=False)
    copied = copy.deepcopy(estimator)
    assert copied.sagemaker_session is estimator.sagemaker_session
    assert copied.latest_training_job.status == "Completed"
    with pytest.raises(EstimatorError, match=r"cannot be pickled: .*RLEstimator\.attach"):
        pickle.dump(estimator, io.BytesIO())


def test_one_job_is_compared_without_a_list(make: Make) -> None:
    estimator = make()
    estimator.fit(logs=False)
    for one in (estimator, estimator.latest_training_job, estimator.latest_training_job.name):
        assert len(compare(one).axes) == 3
