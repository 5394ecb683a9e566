"""Roles and code agree: what is called is allowed, on what it is called on, and nothing more is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.lambdas.samples import KEEP_SESSION
from tests.stacks.calls import Source
from tests.stacks.conftest import answer, outputs
from tests.stacks.contract import permission_problems
from tests.stacks.exceptions import read_exceptions, remaining, require
from tests.stacks.grants import allowed, roles, statements
from tests.stacks.interpreter import Machine
from tests.stacks.intrinsics import Deployed
from tests.stacks.needs import MAY_LACK, NEEDS
from tests.stacks.recorder import Recorder, build_machine
from tests.stacks.synthesis import CHECKED, Finding, Synthesis


def test_every_role_has_what_its_calls_need_and_no_more(deployed: Deployed, dev: Synthesis) -> None:
    source = Source()
    found = [*permission_problems(deployed, source)]
    found += permission_problems(Deployed(dev.templates), source)
    require(found, ["contract"])


def test_every_reason_speaks_of_a_grant(deployed: Deployed, dev: Synthesis) -> None:
    granted: dict[str, set[str]] = {}
    for stage in (deployed, Deployed(dev.templates)):
        for role in roles(stage):
            found = [it for it in statements(stage, role) if it.allows]
            granted.setdefault(role.name, set()).update(*(it.actions for it in found))
    unused = [
        Finding("contract", "missing", f"{role} {action}")
        for role, reasons in NEEDS.items()
        for action in reasons.keys() - MAY_LACK - granted[role]
    ]
    assert not remaining(unused, read_exceptions())
    assert set().union(*granted.values()) >= MAY_LACK
    assert NEEDS.keys() == granted.keys()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(outputs=outputs, answer=answer)


@pytest.fixture(scope="session")
def stage(workflows_own: Synthesis) -> Deployed:
    return Deployed(workflows_own.templates)


@pytest.fixture
def synthesised(
    stage: Deployed, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    """Return the state machine of the templates, in moto."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    config = {"core": KEEP_SESSION, "stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config):
        recorder.listen(monkeypatch)
        yield build_machine(stage, recorder, tmp_path, monkeypatch)


def refused(deployed: Deployed, recorder: Recorder) -> list[Finding]:
    """Return what IAM would refuse of what was asked."""
    own = {
        role.name.replace("-", "_"): statements(deployed, role)
        for role in roles(deployed)
        if role.name in NEEDS
    }
    return [
        Finding("executions", "refused", f"{it.step} {it.action} {it.resource}")
        for it in recorder.asked
        if not allowed(own[it.step], it.action, it.resource, {"iam:PassedToService": it.service})
    ]


def test_everything_that_executions_ask_for_is_allowed(
    synthesised: Machine, stage: Deployed, recorder: Recorder
) -> None:
    first = synthesised.run({}, "first")
    assert first.status == "SUCCEEDED", (first.error, first.cause)
    again = synthesised.run({}, "second")
    assert again.status == "SUCCEEDED", (again.error, again.cause)
    recorder.answer = lambda body: {"actions": [7] * 64}
    assert synthesised.run({}, "third").error == "SmokeTestFailed"
    found = refused(stage, recorder)
    require(found, ["executions"])
    # The walk over the code saw every call that was made.
    source = Source()
    for request in recorder.asked:
        if request.step not in ("state_machine", "training"):
            assert request.action in source.actions(request.step), request


def test_every_job_runs_inside_the_network_and_is_a_valid_request(
    synthesised: Machine, recorder: Recorder
) -> None:
    assert CHECKED.network is not None
    # The recorder refuses a request that botocore's model of SageMaker does not know.
    ended = synthesised.run({}, "generated")
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause)
    assert len(recorder.jobs) == 2
    for job in recorder.jobs:
        assert job["VpcConfig"] == {
            "Subnets": list(CHECKED.network.subnet_ids),
            "SecurityGroupIds": list(CHECKED.network.security_group_ids),
        }
