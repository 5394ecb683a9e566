"""A setting can be changed later: no stack takes back a name that another still uses.

CloudFormation updates the stack that exports before the one that imports, and refuses to remove
an export in use: a setting that ended one could never be changed by `cdk deploy --all`.
"""

from dataclasses import replace

import pytest

from stacks.config import STAGES, Decide, Network, StageConfig, Training
from stacks.pages import stage_templates

NETWORK = Network(subnet_ids=("subnet-1", "subnet-2"), security_group_ids=("sg-1",))
DECIDE = Decide(numpy_layer="arn:aws:lambda:us-east-1:123456789012:layer:rl-numpy:1")
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:1"
BASE = replace(STAGES["dev"], project="rl", retrain_every_days=3, alarm_email="a@example.org")


def exports(config: StageConfig) -> set[str]:
    return {
        output["Export"]["Name"]
        for template in stage_templates(config).values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


@pytest.fixture(scope="module")
def before() -> set[str]:
    return exports(BASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_uri": IMAGE},
        {"retain_data": True},
        {"retrain_every_days": 0},
        {"network": NETWORK},
        {"alarm_email": None},
        {"decide": DECIDE},
        {"training": Training(network_isolation=True, use_spot=False, warm_pool_seconds=60)},
        {"access_logs_bucket": "logs", "reserved_concurrency": 3, "log_days": 7},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_a_change_of_settings_takes_no_export_back_nor_does_its_own_undoing(
    before: set[str], changes: dict[str, object]
) -> None:
    assert exports(replace(BASE, **changes)) == before
