"""Roles and code agree: what is called is allowed, on what it is called on, and nothing more is."""

from typing import Any

import pytest

from estimator.places import STAGE_PREFIX
from tests.stacks.calls import Source
from tests.stacks.contract import permission_problems, variable_problems
from tests.stacks.exceptions import read_exceptions, remaining, require
from tests.stacks.grants import allowed, roles, statements
from tests.stacks.intrinsics import ACCOUNT, REGION, Deployed
from tests.stacks.needs import MAY_LACK, NEEDS
from tests.stacks.recorder import Recorder, refused
from tests.stacks.synthesis import CHECKED, WORKFLOWS_OWN, Finding, Synthesis


def test_every_handler_has_what_it_needs_and_no_more(deployed: Deployed, dev: Synthesis) -> None:
    source = Source()
    found = [*permission_problems(deployed, source)]
    found += permission_problems(Deployed(dev.templates), source)
    found += variable_problems(deployed)
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


@pytest.mark.parametrize("name", ["prepare", "edge-deploy", "edge-follow"])
def test_the_edge_reaches_the_groups_that_the_stage_names(deployed: Deployed, name: str) -> None:
    [role] = [it for it in roles(deployed) if it.name == name]
    own, place = statements(deployed, role), f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup"

    def reached(group: str) -> bool:
        return allowed(own, "iot:DescribeThingGroup", f"{place}/{group}")

    assert all(map(reached, (CHECKED.thing_group, *CHECKED.edge.thing_groups)))
    assert not reached(f"{CHECKED.prefix}-others")
    assert not reached("warehouse-2")


def test_the_training_role_reads_what_an_estimator_uploads_to_the_stages_bucket(
    deployed: Deployed,
) -> None:
    [role] = [it for it in roles(deployed) if it.name == "training"]
    own = statements(deployed, role)
    [(stack, logical_id, _)] = [
        it for it in deployed.of_type("AWS::S3::Bucket") if "Artifacts" in it[1]
    ]
    job = f"{deployed.arn(stack, logical_id)}/{STAGE_PREFIX}/rl-smoke-1"
    assert allowed(own, "s3:GetObject", f"{job}/source/sourcedir.tar.gz")
    assert allowed(own, "s3:GetObject", f"{job}/input/load/load.csv")
    assert allowed(own, "s3:PutObject", f"{job}/output/model.tar.gz")


def test_functions_in_a_network_may_delete_interfaces_as_lambda_asks(deployed: Deployed) -> None:
    [role] = [it for it in roles(deployed) if it.name == "prepare"]
    own = statements(deployed, role)
    anything = f"arn:aws:ec2:{REGION}:{ACCOUNT}:*/*"
    assert allowed(own, "ec2:DeleteNetworkInterface", anything)
    assert not allowed(own, "ec2:CreateNetworkInterface", anything)


PULLS = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("training", PULLS),
        ("serving", PULLS),
        ("register", ("ecr:BatchGetImage", "ecr:DescribeImages")),
    ],
)
def test_the_image_may_be_had_where_it_is(
    deployed: Deployed, dev: Synthesis, name: str, actions: tuple[str, ...]
) -> None:
    shared = "arn:aws:ecr:us-east-1:111122223333:repository/shared/rl"
    for stage in (deployed, Deployed(dev.templates)):
        [(stack, repository, _)] = stage.of_type("AWS::ECR::Repository")
        own = stage.arn(stack, repository)
        [role] = [it for it in roles(stage) if it.name == name]
        may = {
            place: [allowed(statements(stage, role), action, place) for action in actions]
            for place in (own, shared)
        }
        assert all(may[own])  # what goes back to an older package pulls from there
        assert set(may[shared]) == {stage is deployed}


def test_everything_that_executions_ask_for_is_allowed(
    recorded: Recorder, workflows_own: Synthesis
) -> None:
    require(refused(Deployed(workflows_own.templates), recorded.asked), ["executions"])


def test_the_walk_over_the_code_sees_every_call_that_is_made(recorded: Recorder) -> None:
    source, made = Source(), {(it.step, it.action) for it in recorded.asked}
    for step in {step for step, _ in made} - {"state_machine", "training", "serving"}:
        assert {action for asking, action in made if asking == step} <= source.actions(step)
    assert len(made) > 20


def test_every_job_is_a_valid_request_from_inside_the_network(recorded: Recorder) -> None:
    # botocore's model of SageMaker has checked the requests as they came, see the interpreter.
    assert WORKFLOWS_OWN.network is not None
    begun = {
        (job["TrainingJobName"].split("-")[1], "load" in channels(job)) for job in recorded.jobs
    }
    assert begun == {(step, load) for step in ("training", "evaluation") for load in (True, False)}
    for job in recorded.jobs:
        assert job["VpcConfig"] == {
            "Subnets": list(WORKFLOWS_OWN.network.subnet_ids),
            "SecurityGroupIds": list(WORKFLOWS_OWN.network.security_group_ids),
        }
        assert job["EnableNetworkIsolation"]
        assert job["EnableInterContainerTrafficEncryption"]
        assert job["OutputDataConfig"]["KmsKeyId"].startswith("arn:aws:kms:")


def channels(job: dict[str, Any]) -> set[str]:
    return {channel["ChannelName"] for channel in job.get("InputDataConfig", ())}
