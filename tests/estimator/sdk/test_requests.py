"""For the same arguments, our RLEstimator's request is that of SDK version 2, field by field."""

import contextlib

import pytest

from estimator import RLEstimator
from estimator.inputs import TrainingInput
from estimator.session import Session
from estimator.settings import InstanceGroup
from tests.estimator.sdk.cases import cases, legacy_pairs
from tests.estimator.sdk.checks import mistakes
from tests.estimator.sdk.comparison import compare, expected
from tests.estimator.sdk.conftest import BUCKET

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def theirs(aws, bundle, drive):
    # Version 2 does not send them, but asks first whether the objects are there.
    for key in ("loads/one.csv", "models/model.tar.gz", "list"):
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"")
    return drive("sdk_v2", "capture", {"bucket": BUCKET, "cases": cases(str(bundle))})


@pytest.fixture(scope="module")
def ours(aws, bundle, theirs):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        session = Session()
        return {name: request(case, session) for name, case in cases(str(bundle)).items()}


def request(case, session):
    arguments = dict(case["estimator"])
    if "instance_groups" in arguments:
        groups = [InstanceGroup(*group) for group in arguments["instance_groups"]]
        arguments["instance_groups"] = groups
    inputs = case["inputs"]
    if isinstance(inputs, dict):
        inputs = {
            name: one if isinstance(one, str) else TrainingInput(**one)
            for name, one in inputs.items()
        }
    legacy = pytest.warns(UserWarning, match="AWS's old ones")
    with legacy if "toolkit" in arguments else contextlib.nullcontext():
        estimator = RLEstimator(**arguments, sagemaker_session=session)
    return estimator.launch(inputs, job_name=case["job_name"]).request


def test_every_difference_is_listed_and_every_listed_one_is_there(theirs, ours):
    found = set()
    for name, made in ours.items():
        found |= compare(name, theirs["requests"][name], made)
    meant = expected(ours)
    assert sorted(found - meant) == []
    assert sorted(meant - found) == []


def test_the_requests_of_both_are_valid(theirs, ours):
    assert theirs["refused"] == []
    assert len(theirs["requests"]) == len(ours) > 10
    assert {name for name, made in ours.items() if wrong(made)} == set()
    # It sends null for a volume of SageMaker's own size, which no client of AWS does.
    assert {name for name, made in theirs["requests"].items() if wrong(made)} == {"no volume"}


def wrong(request):
    return mistakes("sagemaker", "CreateTrainingJob", request)


def test_the_legacy_images_are_those_that_version_2_knows(theirs):
    known = [
        (toolkit, version, framework)
        for toolkit, versions in theirs["legacy"].items()
        for version, frameworks in versions.items()
        for framework in frameworks
    ]
    assert sorted(legacy_pairs()) == sorted(known)
