"""The checkers that nobody here wrote, and the proof that they, nag and contracts see mistakes."""

from collections import defaultdict
from collections.abc import Iterable

import pytest

from stacks.pipeline_config import pipeline_config
from tests.stacks.calls import Source
from tests.stacks.checkers import TOOLS, Case, install, lay_out
from tests.stacks.contract import permission_problems, variable_problems
from tests.stacks.delivery import CONFIGURED
from tests.stacks.exceptions import require
from tests.stacks.intrinsics import Deployed
from tests.stacks.mutants import MUTANTS, NOT_FOR_CDK
from tests.stacks.mutations import Mutant
from tests.stacks.nag import nag
from tests.stacks.promises import (
    definition_problems,
    promise_problems,
    retention_problems,
    transport_problems,
)
from tests.stacks.recorder import Recorder, refused
from tests.stacks.synthesis import (
    CHECKED,
    PROJECT,
    Finding,
    Synthesis,
    Templates,
    prepare_node,
    resources,
    synthesise,
)

pytestmark = pytest.mark.slow

MOST_UNSEEN = 0.05
"""Share of the mutants that nothing needs to notice."""

LEAST_NAIVE = {"checkov": 15, "cfn-guard": 20, "cfn-lint": 1, "parliament": 1, "cloudsplaining": 4}
FOR_DEV = ("cfn-lint", "parliament", "cloudsplaining", "asl-validator")
"""Tools that ask nothing of a stage without network, locks and reserved concurrency."""

INLINE = {"cdk_nag", "cfn-lint", "cfn_nag", "checkov", "guard"}
"""Keys of a resource's metadata by which it would silence a checker."""

Found = dict[str, dict[str, set[Finding]]]


@pytest.fixture(scope="module")
def mutants(checked: Synthesis) -> list[Case]:
    return [case_of(mutant, checked.templates) for mutant in MUTANTS]


def case_of(mutant: Mutant, templates: Templates) -> Case:
    changed = mutant.apply(templates)
    stacks = [name for name in changed if changed[name] != templates[name]]
    in_definition = any("Workflow" in name for name in stacks)
    return Case(mutant.name, changed, tuple(stacks), definition=in_definition)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Synthesise what delivers the stages, which is looked at without them."""
    prepare_node()
    from stacks.pipeline_stack import build_pipeline

    config = pipeline_config(PROJECT, CONFIGURED)
    folder = tmp_path_factory.mktemp("pipeline")
    made = synthesise(lambda app: build_pipeline(app, config), folder)
    own = (f"{PROJECT}-pipeline", f"{PROJECT}-github")
    return Case("pipeline", made.templates, own, definition=False)


@pytest.fixture(scope="module")
def found(
    checked: Synthesis,
    dev: Synthesis,
    naive_stack: Synthesis,
    pipeline: Case,
    mutants: list[Case],
    tmp_path_factory: pytest.TempPathFactory,
) -> Found:
    """Run every checker once, over the stages, the naive stack and all mutants."""
    install()
    stages = {"checked": checked, "dev": dev, "naive": naive_stack}
    cases = [Case(name, it.templates, tuple(it.templates)) for name, it in stages.items()]
    folder = tmp_path_factory.mktemp("checkers")
    lay_out([*cases, pipeline, *mutants], folder)
    results: Found = {}
    for name, tool in TOOLS.items():
        results[name] = defaultdict(set)
        for case, finding in tool(folder):
            results[name][case].add(finding)
    return results


@pytest.mark.parametrize("tool", TOOLS)
def test_a_checker_finds_nothing_that_is_not_listed(found: Found, tool: str) -> None:
    findings = found[tool]["checked"] | found[tool]["pipeline"]
    if tool in FOR_DEV:
        findings = findings | found[tool]["dev"]
    require(findings, [tool])


@pytest.mark.parametrize("tool", LEAST_NAIVE)
def test_a_checker_finds_fault_with_what_is_written_without_thinking(
    found: Found, tool: str
) -> None:
    assert len({it.rule for it in found[tool]["naive"]}) >= 1
    assert len(found[tool]["naive"]) >= LEAST_NAIVE[tool]


def test_no_template_silences_a_checker(checked: Synthesis, dev: Synthesis) -> None:
    silenced = [
        Finding("inline", key, f"{stack}/{logical_id}")
        for templates in (checked.templates, dev.templates)
        for stack, logical_id, resource in resources(templates)
        for key in resource.get("Metadata", {}).keys() & INLINE
    ]
    require(silenced, ["inline"])


def ours(templates: Templates, asked: Iterable) -> set[Finding]:
    """Return what the checks of this project find."""
    deployed = Deployed(templates)
    return {
        *permission_problems(deployed, Source()),
        *variable_problems(deployed),
        *definition_problems(deployed, network=True),
        *promise_problems(deployed, project=CHECKED.project, stage=CHECKED.stage),
        *retention_problems(templates, retain=True),
        *transport_problems(deployed),
        *refused(deployed, asked),
    }


@pytest.fixture(scope="module")
def caught(
    found: Found,
    checked: Synthesis,
    recorded: Recorder,
    mutants: list[Case],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[str]]:
    """Return what each mutant adds to the findings of all checks."""
    base = Case("checked", checked.templates, tuple(checked.templates))
    results = found | {"cdk-nag": defaultdict(set), "ours": defaultdict(set)}
    readable = [it for it in mutants if it.name not in NOT_FOR_CDK]
    for case, finding in nag([base, *readable], tmp_path_factory.mktemp("nag")):
        results["cdk-nag"][case].add(finding)
    for case in (base, *mutants):
        results["ours"][case.name] = ours(case.templates, recorded.asked)
    return {
        mutant.name: sorted(
            str(it) for tool in results.values() for it in tool[mutant.name] - tool["checked"]
        )
        for mutant in MUTANTS
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.name)
def test_a_mistake_is_noticed_by_its_check(caught: dict[str, list[str]], mutant: Mutant) -> None:
    lines = caught[mutant.name]
    if mutant.caught_by:
        assert any(mutant.caught_by in line for line in lines), "\n".join(lines)
    else:
        assert lines == [], "is noticed after all: name the check"


def test_hardly_a_mistake_goes_unnoticed(caught: dict[str, list[str]]) -> None:
    unseen = [name for name, lines in caught.items() if not lines]
    assert len(MUTANTS) >= 30
    assert len(unseen) <= MOST_UNSEEN * len(MUTANTS), unseen
