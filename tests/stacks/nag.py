"""cdk-nag over templates instead of constructs: for templates that were changed afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.stacks.checkers import Case
from tests.stacks.synthesis import PACKS, Finding, synthesise

_BETWEEN = "--"


def nag(cases: list[Case], folder: Path) -> Iterator[tuple[str, Finding]]:
    """Yield the findings of all packs, those of CloudFormation's own validation included.

    All cases go into one app: the first synthesis takes far longer than each further stack.
    """
    from aws_cdk import LegacyStackSynthesizer, Stack, cloudformation_include

    def fill(app: object) -> None:
        for case in cases:
            for stack in case.stacks:
                name = f"{case.name}{_BETWEEN}{stack}"
                parts = ("Resources", "Outputs")
                kept = {key: case.templates[stack].get(key, {}) for key in parts}
                file = folder / f"{name}.json"
                file.write_text(json.dumps(kept))
                scope = Stack(app, name, synthesizer=LegacyStackSynthesizer())
                cloudformation_include.CfnInclude(scope, "T", template_file=str(file))

    made = synthesise(fill, folder / "out", packs=PACKS)
    for finding in made.findings:
        stack, *_, logical_id = finding.resource.split("/")
        case, _, stack = stack.partition(_BETWEEN)
        yield case, Finding(finding.tool, finding.rule, f"{stack}/{logical_id}")
