"""Nonsense is refused before anything is synthesised, in one line that names the remedy."""

from dataclasses import fields, replace
from typing import Any

import pytest

from autoscaling_rl.controller.guard import GuardSettings
from lambdas import jobs
from stacks import checked_config
from stacks.checked_config import check, stage_config
from stacks.checks import serving, stage_names
from stacks.config import STAGES, Edge, Network, Replica, Serving, StageConfig, Training
from stacks.errors import ConfigError

DEV = replace(STAGES["dev"], project="rl")


@pytest.mark.parametrize("stage", STAGES)
def test_the_stages_are_sound(stage: str) -> None:
    config = stage_config("rl-autoscaling", stage)
    assert config.prefix == f"rl-autoscaling-{stage}"


@pytest.mark.parametrize(
    ("project", "stage", "message"),
    [
        ("rl", "production", "stage: 'production' does not exist; choose one of dev, staging"),
        ("rl", None, "stage: None does not exist"),
        ("RL_scaling", "dev", "project: 'RL_scaling' is no name; use lower-case letters"),
        (None, "dev", "project: None is no name"),
        ("aws-rl", "dev", "parameters may not begin with aws"),
        ("a-project-with-a-name-beyond-reason", "dev", "longer than 32 characters; shorten it"),
    ],
)
def test_context_that_names_nothing_is_refused(
    project: object, stage: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        stage_config(project, stage)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("qa", {"number": 3}, "stage: is 'staging', whose place it would take; write stage='qa'"),
        ("qa", {"stage": "quality", "number": 3}, "stage: is 'quality', .*; write stage='qa'"),
        ("qa_1", {"stage": "qa_1", "number": 3}, "stage: 'qa_1' is no name; use lower-case"),
        ("QA", {"stage": "QA", "number": 3}, "stage: 'QA' is no name; use lower-case letters"),
        ("1a", {"stage": "1a", "number": 3}, "stage: '1a' is no name; .* a letter first"),
        ("pipeline", {"stage": "pipeline", "number": 3}, "stage: .* choose another name"),
        ("qa", {"stage": "qa"}, "number: 1 is that of staging, too; .* such as number=3"),
        ("qa", {"stage": "qa", "number": -1}, "number: -1 must be within 0 and 999"),
    ],
)
def test_a_further_stage_that_is_not_quite_one_is_refused(
    name: str, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAGES, name, replace(STAGES["staging"], **changes))
    with pytest.raises(ConfigError, match=rf"^stacks/config.py, {name}: {message}") as refused:
        stage_config("rl", name)
    assert len(str(refused.value).splitlines()) == 1


def test_a_stage_that_comes_in_between_leaves_the_numbers_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = replace(STAGES["dev"], stage="test", number=3)
    stages = {"dev": STAGES["dev"], "test": new, **STAGES}
    assert list(stages) == ["dev", "test", "staging", "prod"]
    for module in (checked_config, stage_names):
        monkeypatch.setattr(module, "STAGES", stages)
    assert [stage_config("rl", name).number for name in stages] == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (Training(use_spot=True, warm_pool_seconds=60), "spot instances cannot be kept warm"),
        (Training(gpus=True), "ml.c7i.2xlarge has no GPU; choose ml.g5.xlarge"),
        (Training(instance_types=()), "training.instance_types: is empty"),
        (Training(instance_types=("c7i.large",)), "'c7i.large' is none; use e.g. ml.c7i.2xlarge"),
        (Training(instance_count=0), "training.instance_count: 0 must be within 1 and 100"),
        (Training(volume_gigabytes=99_999), "training.volume_gigabytes: 99999 must be within"),
    ],
)
def test_training_that_sagemaker_refuses_is_refused(training: Training, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"stacks/config.py, dev: .*{message}"):
        check(replace(DEV, training=training))


def test_stage_and_jobs_know_the_same_disks_of_machines() -> None:
    assert serving.LOCAL_VOLUME == jobs.LOCAL_VOLUME


PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-dev-policies/3"


@pytest.mark.parametrize(
    ("serving", "message"),
    [
        (Serving(shadow_model_package=PACKAGE), "needs an endpoint to copy requests from"),
        (Serving(instance_count=3, most_instances=2), "2 is below instance_count"),
        (Serving(serverless_memory_mb=1000), "1024 to 6144 in steps of 1024"),
        (Serving(serverless_memory_mb=1024, capture_percent=5), "a serverless endpoint has none"),
        (Serving(canary_percent=80), "serving.canary_percent: 80 must be within 1 and 50"),
        (Serving(instance_type="large"), "serving.instance_type: 'large'"),
        (Serving(guard={"most-removed": 2}), "serving.guard: 'most-removed': 2 is no setting"),
        (Serving(guard={"most_removed": float("inf")}), "serving.guard: 'most_removed': inf is"),
        (Serving(guard={"most_remove": 2}), "'most_remove': 2 is no .* use e.g. {\"most_removed\""),
        (Serving(guard={"most_removed": "2"}), "serving.guard: 'most_removed': '2' is no setting"),
    ],
)
def test_serving_that_sagemaker_refuses_is_refused(serving: Serving, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"stacks/config.py, dev: .*{message}"):
        check(replace(DEV, serving=serving))


def test_the_guard_rails_have_the_settings_that_a_stage_may_name() -> None:
    assert [each.name for each in fields(GuardSettings)] == list(serving.GUARD_SETTINGS)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (("",), "'' is no thing group's name; use letters"),
        (("a,b",), "'a,b' is no thing group's name"),
        (("warehouse", "rl-dev-*"), "'rl-dev-\\*' is no thing group's name"),
        (("g" * 129,), "128 at most"),
        (("rl-prod-devices",), "is the group of prod, whose devices cannot read what .* leave it"),
        (tuple(f"group-{number:03}" for number in range(30)), "longer than 256 characters"),
    ],
)
def test_groups_that_no_execution_could_reach_are_refused(
    groups: tuple[str, ...], message: str
) -> None:
    with pytest.raises(
        ConfigError, match=rf"stacks/config.py, dev: edge.thing_groups: .*{message}"
    ):
        check(replace(DEV, edge=Edge(thing_groups=groups)))


def test_groups_with_names_of_any_form_are_taken() -> None:
    check(replace(DEV, edge=Edge(thing_groups=("warehouse", "shops:north_1", "rl-dev-devices"))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": Network(subnet_ids=(), security_group_ids=("sg-1",))}, "at least one subnet"),
        ({"alarm_email": "nobody"}, "alarm_email: 'nobody' is no address"),
        ({"replica": Replica(bucket="x", key_arn="arn:x")}, "set retain_data=True"),
        ({"image_torch": "gpu"}, "image_torch: 'gpu' is none of none, cpu, base"),
        (
            {"training": Training(gpus=True, instance_types=("ml.g5.xlarge",))},
            "the image has no CUDA; set image_torch='base'",
        ),
        ({"log_days": 8}, "CloudWatch keeps 1, 3, 5"),
        ({"retrain_every_days": 366}, "retrain_every_days: 366 must be within 0 and 365"),
        (
            {"retrain_every_days": 7, "retrain_preset": "ppo"},
            "retrain_preset: 'ppo' is no preset of training_src/presets",
        ),
        (
            {"retrain_every_days": 7, "retrain_preset": "ppo-autoscaling"},
            "ppo-autoscaling trains with sb3, and the image of dev has no PyTorch",
        ),
        (
            {"retrain_every_days": 7, "training": Training(instance_count=2)},
            "train hindsight-autoscaling, which takes one instance, not 2; .* ppo-autoscaling",
        ),
    ],
)
def test_other_nonsense_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"stacks/config.py, dev: .*{message}"):
        check(replace(DEV, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"serving": Serving(capture_percent=0.5)}, "serving.capture_percent: 0.5 is no whole"),
        ({"serving": Serving(bake_minutes=7.5)}, "serving.bake_minutes: 7.5 is no whole number"),
        ({"serving": Serving(canary_percent=12.5)}, "serving.canary_percent: 12.5 is no whole"),
        ({"serving": Serving(instance_count="2")}, "serving.instance_count: '2' is .* quotes"),
        ({"serving": Serving(instance_count=True)}, "serving.instance_count: True is no whole"),
        ({"serving": Serving(guard="most_removed")}, "serving.guard: 'most_removed' is no sett"),
        ({"training": Training(volume_gigabytes="30")}, "training.volume_gigabytes: '30' is no"),
        ({"training": Training(use_spot="no")}, "training.use_spot: 'no' is neither True nor"),
        (
            {"training": Training(instance_types="ml.c7i.large")},
            r"write \('ml.c7i.large',\), with the comma",
        ),
        ({"edge": Edge(follow_minutes=1.5)}, "edge.follow_minutes: 1.5 is no whole number"),
        ({"edge": Edge(thing_groups="factory")}, "edge.thing_groups: 'factory' is one text, not"),
        ({"edge": {"devices": 3}}, r"edge: {'devices': 3} is none; write Edge\(...\)"),
        (
            {"network": Network(subnet_ids="subnet-0abc", security_group_ids=("sg-1",))},
            "network.subnet_ids: 'subnet-0abc' is one text",
        ),
        (
            {"network": Network(subnet_ids=("subnet-0abc",), security_group_ids=(1,))},
            r"network.security_group_ids: \(1,\) is no tuple of texts",
        ),
        ({"image_uri": 7}, "image_uri: 7 is no text; write it in quotes"),
    ],
)
def test_what_is_of_another_type_is_refused_in_one_line(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^stacks/config.py, dev: .*{message}") as refused:
        check(replace(DEV, **changes))
    assert len(str(refused.value).splitlines()) == 1


def test_several_may_be_a_list() -> None:
    check(replace(DEV, edge=Edge(thing_groups=["warehouse", "shops"])))


KEY = "arn:aws:kms:us-west-2:123456789012:key/mrk-0a1b2c3d40008000a1b2c3d4e5f60718"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"permissions_boundary": "arn:aws:iam::111122223333:policy/org/bounds"},
            "permissions_boundary: .* is no policy's name; .* such as 'org/bounds'",
        ),
        ({"permissions_boundary": "my bounds"}, "such as 'organisation-boundary'"),
        ({"permissions_boundary": ""}, "permissions_boundary: '' is no policy's name"),
        ({"image_uri": "my image"}, "image_uri: 'my image' is no image in ECR; write e.g. '1234"),
        ({"image_uri": "docker.io/library/python:3.11"}, "image_uri: .* None for the stage's own"),
        ({"access_logs_bucket": "My Logs"}, "access_logs_bucket: 'My Logs' is no bucket's name"),
        ({"access_logs_bucket": "my..logs"}, "access_logs_bucket: 'my..logs' is no bucket's name"),
        ({"access_logs_bucket": "192.168.1.1"}, "access_logs_bucket: '192.168.1.1' is no bucket"),
        ({"replica": Replica(bucket="s3://x", key_arn=KEY)}, "replica.bucket: 's3://x' is no b"),
        ({"replica": Replica(bucket="copies", key_arn="alias/foo")}, "replica.key_arn: 'alias/f"),
    ],
)
def test_what_can_be_the_name_of_nothing_that_exists_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^stacks/config.py, prod: .*{message}") as refused:
        check(replace(STAGES["prod"], project="rl", **changes))
    assert len(str(refused.value).splitlines()) == 1


def test_names_of_what_exists_are_taken() -> None:
    config = replace(STAGES["prod"], project="rl", replica=Replica(bucket="copies", key_arn=KEY))
    check(replace(config, access_logs_bucket="org.logs-1", permissions_boundary="org/bounds"))
    registry = "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"
    digest = f"@sha256:{'0' * 64}"
    for name in ("rl", "shared/rl:1.2-x", f"a/b_c{digest}", f"a/b_c:1{digest}"):
        check(replace(config, image_uri=f"{registry}/{name}"))


def test_all_mistakes_are_told_at_once() -> None:
    config: StageConfig = replace(DEV, log_days=8, alarm_email="x", training=Training(gpus=True))
    with pytest.raises(ConfigError) as refused:
        check(config)
    assert len(str(refused.value).splitlines()) == 4
