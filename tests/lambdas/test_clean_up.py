"""What executions made goes, what others made stays, and CloudFormation always gets its answer."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from lambdas import clean_up as module
from lambdas.clean_up import Leftovers, clean_up, delete_endpoint, empty_bucket, handler
from tests.lambdas.samples import CREDENTIALS, KEEP_SESSION

PROPERTIES = {
    "Buckets": ["made"],
    "ModelPackageGroup": "rl-dev-policies",
    "Endpoint": "rl-dev",
}


@pytest.fixture
def account(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"core": KEEP_SESSION}):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="made")
        s3.put_bucket_versioning(Bucket="made", VersioningConfiguration={"Status": "Enabled"})
        yield boto3.client("sagemaker")


def deployed(sagemaker, name):
    """Make model and configuration as the workflow's deployment does."""
    container = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/rl:1"}
    role = "arn:aws:iam::123456789012:role/x"
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def run(sagemaker):
    clean_up(
        Leftovers.parse(PROPERTIES),
        s3=boto3.client("s3"),
        sagemaker=sagemaker,
        logs=boto3.client("logs"),
    )


def left(sagemaker):
    models = [it["ModelName"] for it in sagemaker.list_models()["Models"]]
    configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    return models, [it["EndpointConfigName"] for it in configs]


def test_what_the_stage_deployed_goes_and_what_others_made_stays(account):
    others = ["rl-dev", "rl-prod-a", "rl-dev-2-a", "others"]
    for name in ["rl-dev-a", "rl-dev-b", *others]:
        deployed(account, name)
    account.create_endpoint(EndpointName="rl-dev", EndpointConfigName="rl-dev-b")
    account.create_endpoint(EndpointName="rl-prod", EndpointConfigName="rl-prod-a")
    boto3.client("logs").create_log_group(logGroupName="/aws/sagemaker/Endpoints/rl-dev")
    run(account)
    assert [it["EndpointName"] for it in account.list_endpoints()["Endpoints"]] == ["rl-prod"]
    assert left(account) == (others, others)
    assert not boto3.client("logs").describe_log_groups()["logGroups"]
    run(account)  # a delivery that is repeated finds nothing, and that is no fault


@pytest.mark.parametrize(("busy", "ends"), [(3, True), (module.TRIES + 1, False)])
def test_an_endpoint_that_is_being_updated_is_waited_for(account, monkeypatch, busy, ends):
    """As SageMaker refuses it; moto deletes endpoints in any state."""
    deployed(account, "rl-dev-a")
    account.create_endpoint(EndpointName="rl-dev", EndpointConfigName="rl-dev-a")
    refusals, waited, original = [busy], [], account.delete_endpoint

    def delete(**request):
        if refusals[0]:
            refusals[0] -= 1
            text = "Cannot update in-progress endpoint"
            raise ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "x")
        return original(**request)

    monkeypatch.setattr(account, "delete_endpoint", delete)
    monkeypatch.setattr(module.time, "sleep", waited.append)
    if ends:
        run(account)
        assert not account.list_endpoints()["Endpoints"]
        assert waited == [module.PAUSE_SECONDS] * busy
        return
    with pytest.raises(ClientError, match="in-progress"):
        run(account)


@pytest.mark.parametrize(("seen", "ends"), [(3, True), (module.GOING_TRIES, False)])
def test_an_endpoint_is_gone_when_the_deletion_ends(account, monkeypatch, seen, ends):
    """SageMaker deletes in the background, and needs the endpoint's role for that; moto at once."""
    deployed(account, "rl-dev-a")
    account.create_endpoint(EndpointName="rl-dev", EndpointConfigName="rl-dev-a")
    states, waited, original = ["Deleting"] * seen, [], account.describe_endpoint

    def describe(**request):
        return {"EndpointStatus": states.pop()} if states else original(**request)

    monkeypatch.setattr(account, "describe_endpoint", describe)
    monkeypatch.setattr(module.time, "sleep", waited.append)
    if ends:
        delete_endpoint("rl-dev", sagemaker=account)
        assert waited == [module.PAUSE_SECONDS] * seen
        return
    with pytest.raises(RuntimeError, match="rl-dev is still Deleting"):
        delete_endpoint("rl-dev", sagemaker=account)


def test_all_waits_end_before_the_function_does():
    tries = module.TRIES + module.GOING_TRIES
    assert tries * module.PAUSE_SECONDS < 15 * 60 - tries  # and a second for each call


def test_packages_go_so_that_their_group_can(account):
    group = {"ModelPackageGroupName": "rl-dev-policies"}
    account.create_model_package_group(**group, ModelPackageGroupDescription="x")
    for _ in range(3):
        account.create_model_package(
            **group, ModelPackageDescription="x", ModelApprovalStatus="Approved"
        )
    deleted = []
    account.delete_model_package = lambda **request: deleted.append(request)  # moto has none
    run(account)
    assert len(deleted) == 3
    assert all("rl-dev-policies" in it["ModelPackageName"] for it in deleted)


def test_every_version_of_every_object_goes():
    with mock_aws(config={"core": KEEP_SESSION}):
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="made")
        s3.put_bucket_versioning(Bucket="made", VersioningConfiguration={"Status": "Enabled"})
        for number in range(1005):
            s3.put_object(Bucket="made", Key=f"{number % 1003}", Body=b"x")
        s3.delete_object(Bucket="made", Key="7")
        assert empty_bucket("made", s3=s3) == 1006
        s3.delete_bucket(Bucket="made")  # refused unless it is empty
        assert empty_bucket("made", s3=s3) == 0


def test_an_object_that_s3_keeps_is_a_fault(account):
    s3 = boto3.client("s3")
    s3.put_object(Bucket="made", Key="locked", Body=b"x")
    refusal = {"Errors": [{"Key": "locked", "Message": "retained"}]}
    s3.delete_objects = lambda **_: refusal
    with pytest.raises(RuntimeError, match="locked was not deleted: retained"):
        empty_bucket("made", s3=s3)


@pytest.fixture
def waiting():
    """Serve as the place where CloudFormation waits; yield its address and what came."""
    came = []

    class Place(BaseHTTPRequestHandler):
        def do_PUT(self):
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Place)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", came
    server.shutdown()
    thread.join()
    server.server_close()


def event(url, kind):
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "CleanUp",
        "ResourceProperties": PROPERTIES,
    }


class Stacks:
    """CloudFormation, with one stack in a state; None: it is gone."""

    def __init__(self, status):
        self.status = status

    def describe_stacks(self, StackName):
        assert StackName == "s"
        if self.status is None:
            error = {"Code": "ValidationError", "Message": "Stack with id s does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.status}]}


@pytest.mark.parametrize(
    ("status", "cleans"),
    [("DELETE_IN_PROGRESS", True), (None, True), ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False)],
)
def test_a_stack_that_lives_on_keeps_everything(waiting, monkeypatch, status, cleans):
    asked = []
    monkeypatch.setattr(module, "client", lambda service: Stacks(status))
    monkeypatch.setattr(module, "clean_up", lambda *_, **clients: asked.append(clients))
    url, came = waiting
    handler(event(url, "Delete"), None)
    assert bool(asked) == cleans
    assert came[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_cloudformation_gets_its_answer(waiting, monkeypatch, kind):
    asked = []
    monkeypatch.setattr(module, "client", lambda service: Stacks("DELETE_IN_PROGRESS"))
    monkeypatch.setattr(module, "clean_up", lambda *_, **clients: asked.append(clients))
    url, came = waiting
    handler(event(url, kind), None)
    assert bool(asked) == (kind == "Delete")
    assert came == [
        {
            "Status": "SUCCESS",
            "Reason": "",
            "PhysicalResourceId": "CleanUp",
            "StackId": "s",
            "RequestId": "r",
            "LogicalResourceId": "CleanUp",
        }
    ]


def test_a_resource_with_an_endpoint_alone_deletes_that_alone(account, waiting, monkeypatch):
    clients = {"cloudformation": Stacks("DELETE_IN_PROGRESS"), "sagemaker": account}
    monkeypatch.setattr(module, "client", clients.__getitem__)
    deployed(account, "rl-dev-a")
    account.create_endpoint(EndpointName="rl-dev", EndpointConfigName="rl-dev-a")
    url, came = waiting
    for _ in range(2):  # the second time there is none, as where nothing was ever deployed
        handler({**event(url, "Delete"), "ResourceProperties": {"Endpoint": "rl-dev"}}, None)
        assert not account.list_endpoints()["Endpoints"]
    assert left(account) == (["rl-dev-a"], ["rl-dev-a"])
    assert [it["Status"] for it in came] == ["SUCCESS"] * 2


def test_a_fault_is_the_answer(waiting, monkeypatch):
    def refuse(*_, **__):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteModel")

    monkeypatch.setattr(module, "client", lambda service: Stacks("DELETE_IN_PROGRESS"))
    monkeypatch.setattr(module, "clean_up", refuse)
    url, came = waiting
    handler({**event(url, "Delete"), "PhysicalResourceId": "made before"}, None)
    assert came[0]["Status"] == "FAILED"
    assert "AccessDenied" in came[0]["Reason"]
    assert came[0]["PhysicalResourceId"] == "made before"
