"""What `cdk deploy` creates is created locally, twice over without harm."""

import hashlib
import io
import json
import zipfile

import pytest

from local_mode.deployment import Deployment
from local_mode.errors import UserError
from local_mode.handler_settings import preset_names
from local_mode.provision import provision
from tests.local_mode.support import end_of_execution, read_object, unpack

NAMES = Deployment(project="tests", stage="staging")
HANDLER = """
import os

def handler(event, context):
    return {"answer": ANSWER, "presets": os.environ["PRESETS"]}
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one function and one preset."""
    for folder in ("edge_src", "lambdas", "stacks", "training_src/presets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "edge_src/main.py").write_text("")
    (tmp_path / "lambdas/__init__.py").write_text("")
    (tmp_path / "lambdas/smoke_test.py").write_text(HANDLER.replace("ANSWER", "1"))
    (tmp_path / "training_src/metrics.json").write_text('[{"Name": "loss", "Regex": "(x)"}]')
    for name in ("a", "ppo", "z"):
        (tmp_path / f"training_src/presets/{name}.toml").write_text("")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${SmokeTestFunctionArn}"},
        "OutputPath": "$.Payload",
        "End": True,
    }
    definition = {"StartAt": "Test", "States": {"Test": task}}
    (tmp_path / "stacks/workflow.asl.json").write_text(json.dumps(definition))
    return tmp_path


def run(aws) -> dict:
    arn = aws.client("stepfunctions").start_execution(stateMachineArn=NAMES.state_machine_arn)
    return json.loads(end_of_execution(aws, arn["executionArn"])["output"])


def test_everything_is_created_and_kept_up_to_date(aws, checkout):
    provision(aws.client, deployment=NAMES, root=checkout, default_preset="ppo")
    assert run(aws) == {"answer": 1, "presets": "ppo,a,z"}
    assert unpack(read_object(aws, NAMES.source_s3_uri)).keys() == {
        "metrics.json",
        "presets/a.toml",
        "presets/ppo.toml",
        "presets/z.toml",
    }
    (checkout / "lambdas/smoke_test.py").write_text(HANDLER.replace("ANSWER", "2"))
    text = (checkout / "stacks/workflow.asl.json").read_text()
    (checkout / "stacks/workflow.asl.json").write_text(text.replace('Test"', 'Check"'))
    (checkout / "training_src/presets/z.toml").unlink()
    provision(aws.client, deployment=NAMES, root=checkout, default_preset="unheard-of")
    assert run(aws) == {"answer": 2, "presets": "a,ppo"}


def test_devices_have_a_group_and_the_component_a_program(aws, checkout):
    provision(aws.client, deployment=NAMES, root=checkout)
    provision(aws.client, deployment=NAMES, root=checkout)
    found = aws.client("iot").describe_thing_group(thingGroupName="tests-staging-devices")
    assert found["thingGroupArn"] == NAMES.thing_group_arn
    content = aws.client("s3").get_object(Bucket=NAMES.bucket, Key="source/edge_src.zip")["Body"]
    with zipfile.ZipFile(io.BytesIO(content.read())) as archive:
        assert archive.namelist() == ["edge_src/main.py"]
    (checkout / "edge_src/main.py").unlink()
    with pytest.raises(UserError, match="is missing; restore it"):
        provision(aws.client, deployment=NAMES, root=checkout)


def test_the_resources_have_their_names_and_tags(aws, checkout):
    provision(aws.client, deployment=NAMES, root=checkout)
    parameters = aws.client("ssm").get_parameters_by_path(Path="/tests/staging")["Parameters"]
    found = {one["Name"].rpartition("/")[2]: one["Value"] for one in parameters}
    assert found == {
        "state-machine-arn": NAMES.state_machine_arn,
        "image-uri": NAMES.image_uri,
        "endpoint-name": "tests-staging",
        "model-package-group": "tests-staging-policies",
        "artifact-bucket": NAMES.bucket,
    }
    functions = aws.client("lambda")
    function = functions.get_function(FunctionName="tests-staging-smoke-test")
    assert function["Tags"] == {"sagemaker:project-name": "tests", "stage": "staging"}
    variables = function["Configuration"]["Environment"]["Variables"]
    assert variables["METRIC_DEFINITIONS"] == '[{"Name":"loss","Regex":"(x)"}]'
    # Executions keep the bundle under its sum, as on AWS.
    bundle = read_object(aws, variables["SOURCE_S3_URI"])
    assert variables["SOURCE_SHA256"] == hashlib.sha256(bundle).hexdigest()
    # Lambda allows 4 KB for all variables.
    assert sum(len(key) + len(value) for key, value in variables.items()) < 4096
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/tests")
    assert [one["logGroupName"] for one in groups["logGroups"]] == [
        "/aws/lambda/tests-staging-smoke-test"
    ]
    group = {"ModelPackageGroupName": NAMES.model_package_group}
    assert aws.client("sagemaker").describe_model_package_group(**group)
    assert aws.client("iam").get_role(RoleName=NAMES.role_name)["Role"]["Arn"] == NAMES.role_arn


@pytest.mark.parametrize(
    ("break_", "message"),
    [
        (lambda root: (root / "stacks/workflow.asl.json").unlink(), "restore it"),
        (lambda root: (root / "training_src/metrics.json").unlink(), "restore it"),
        (lambda root: (root / "lambdas/smoke_test.py").unlink(), "the state machine calls it"),
        (
            lambda root: [path.unlink() for path in (root / "training_src/presets").iterdir()],
            "holds no preset",
        ),
        (
            lambda root: (root / "stacks/workflow.asl.json").write_text('{"StartAt": "${Other}"}'),
            r"nothing stands for \$\{Other\}",
        ),
        (
            lambda root: (root / "stacks/workflow.asl.json").write_text('{"States": 1}'),
            "workflow.asl.json: is not valid",
        ),
    ],
)
def test_an_incomplete_checkout_is_one_clear_line(aws, checkout, break_, message):
    break_(checkout)
    with pytest.raises(UserError, match=message):
        provision(aws.client, deployment=Deployment(project="broken"), root=checkout)


def test_the_default_preset_comes_first(checkout):
    assert preset_names(checkout / "training_src", "z") == ["z", "a", "ppo"]
