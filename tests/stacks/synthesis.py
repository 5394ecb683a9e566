"""The templates that the checks look at: what `cdk synth` makes, synthesised once for all tests.

`aws_cdk` is imported late: importing it starts Node, which the tests of other rooms need not pay.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from stacks.checked_config import check
from stacks.config import STAGES, Decide, Network, Replica, StageConfig

ROOT = Path(__file__).parents[2]
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
PROJECT = "rl-autoscaling"
PACKS = (
    "AwsSolutionsChecks",
    "HIPAASecurityChecks",
    "NIST80053R4Checks",
    "NIST80053R5Checks",
    "PCIDSS321Checks",
    "ServerlessChecks",
)

_PACKAGES = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-autoscaling-prod-policies"

WORKFLOWS_OWN = replace(
    STAGES["prod"],
    project=PROJECT,
    network=Network(
        subnet_ids=("subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60719"),
        security_group_ids=("sg-0a1b2c3d4e5f60718",),
    ),
    training=replace(STAGES["prod"].training, network_isolation=True),
    access_logs_bucket="organisation-access-logs",
    replica=Replica(
        bucket="organisation-replica",
        key_arn="arn:aws:kms:us-west-2:123456789012:key/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f",
    ),
    retrain_every_days=7,
    retrain_preset="ppo-autoscaling",
    image_torch="cpu",
    permissions_boundary="organisation-boundary",
    reserved_concurrency=2,
)
"""A stage in production whose endpoint the workflow deploys."""

CHECKED = replace(
    WORKFLOWS_OWN,
    image_uri="111122223333.dkr.ecr.us-east-1.amazonaws.com/shared/rl:abc",
    decide=Decide(numpy_layer="arn:aws:lambda:us-east-1:123456789012:layer:rl-numpy:1"),
    serving=replace(
        WORKFLOWS_OWN.serving,
        model_package=f"{_PACKAGES}/3",
        shadow_model_package=f"{_PACKAGES}/4",
        guard={"most_removed": 2},
    ),
    edge=replace(
        WORKFLOWS_OWN.edge, devices=12, thing_groups=("warehouse", "shops:north"), logs=True
    ),
)
"""What every check must be content with: production, and every part switched on."""

LEFT_OUT = {
    "alarm_email": "a person subscribes; its one finding is acknowledged in notifications.py",
}
"""Settings that could be switched on in `CHECKED` and are not, with why."""

DEV = replace(STAGES["dev"], project=PROJECT)

Template = dict[str, Any]
Templates = dict[str, Template]


def prepare_node() -> None:
    """Keep jsii's banners away, and make the use of what is deprecated an error.

    Which Node runs is decided where `stacks` is imported.
    """
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    os.environ.setdefault("JSII_DEPRECATED", "fail")


@dataclass(frozen=True)
class Finding:
    """One rule that one resource breaks."""

    tool: str
    rule: str
    resource: str

    def __str__(self) -> str:
        return f"{self.tool} {self.rule} {self.resource}"


@dataclass(frozen=True)
class Acknowledgement:
    """A finding that `stacks/` acknowledges; `used` if the report knows a finding for it."""

    construct: str
    finding: str
    reason: str
    used: bool


@dataclass(frozen=True)
class Synthesis:
    """A cloud assembly."""

    folder: Path

    @cached_property
    def templates(self) -> Templates:
        """All templates by the names of their stacks, those of stages of a pipeline included."""
        return read_templates(self.folder)

    @cached_property
    def findings(self) -> list[Finding]:
        """What the report holds, of any severity: `app.synth()` lets warnings pass."""
        return [
            Finding(report["pluginName"], violation["ruleName"], construct["constructPath"])
            for report in self._reports
            for violation in report["violations"]
            for construct in violation["violatingConstructs"]
        ]

    @cached_property
    def acknowledgements(self) -> list[Acknowledgement]:
        """What the constructs acknowledge, from their metadata: a bare id is in no report."""
        used = {
            suppressed["acknowledgedId"]
            for report in self._reports
            for suppressed in report.get("suppressedViolations", ())
        }
        return [
            Acknowledgement(path, finding, reason, finding in used)
            for path, entry in self._metadata()
            if entry["type"] == "aws:cdk:acknowledged-rules"
            for finding, reason in entry["data"].items()
        ]

    @cached_property
    def _reports(self) -> list[dict[str, Any]]:
        reports = json.loads((self.folder / "validation-report.json").read_text())
        return list(reports["pluginReports"])

    def _metadata(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for file in sorted(self.folder.rglob("*.metadata.json")):
            for path, entries in json.loads(file.read_text()).items():
                yield from ((path, entry) for entry in entries)


def read_templates(folder: Path) -> Templates:
    """Read the templates of a cloud assembly."""
    files = sorted(folder.rglob("*.template.json"))
    return {
        file.name.removesuffix(".template.json"): json.loads(file.read_text()) for file in files
    }


def synthesise(
    fill: Callable[[Any], None], folder: Path, *, packs: tuple[str, ...] = ()
) -> Synthesis:
    """Synthesise an app into a folder.

    Args:
        fill: Adds the stacks to the app.
        folder: Where the cloud assembly goes.
        packs: Packs of cdk-nag that look at it; the report is written whatever they find.
    """
    prepare_node()
    import aws_cdk
    import cdk_nag

    app = aws_cdk.App(context=CONTEXT, outdir=str(folder))
    if packs:
        checks = [getattr(cdk_nag, name)(app) for name in packs]
        aws_cdk.Validations.of(app).add_plugins(*checks)
    fill(app)
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
    return Synthesis(folder)


def synthesise_stage(
    config: StageConfig, folder: Path, *, packs: tuple[str, ...] = ()
) -> Synthesis:
    """Synthesise the stacks of a stage."""
    check(config)
    prepare_node()
    from stacks.build import build

    return synthesise(lambda app: build(app, config), folder, packs=packs)


def resources(templates: Mapping[str, Template]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield stack, logical id and resource of everything in the templates."""
    for stack, template in templates.items():
        for logical_id, resource in template.get("Resources", {}).items():
            yield stack, logical_id, resource
