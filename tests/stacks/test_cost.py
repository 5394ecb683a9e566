"""The page on cost is what the tool makes, and nothing that costs is forgotten."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks import cost
from stacks.config import STAGES, StageConfig
from stacks.costs.execution import transitions
from stacks.costs.idle import PRICED
from stacks.costs.kinds import BY_USE, FREE, check
from stacks.costs.markdown import page
from stacks.costs.prices import CostError, Price, Prices, Row, read_prices, total
from stacks.costs.stage import StageCost, stage_cost
from stacks.costs.templates import definition
from stacks.costs.volumes import Volumes
from stacks.pages import block, made_by, stage_templates, write_block
from tests.stacks.intrinsics import Deployed
from tests.stacks.synthesis import CHECKED, DEV, PROJECT, ROOT, WORKFLOWS_OWN, Synthesis, Templates

PAGE = ROOT / "docs" / "cost.md"


@pytest.fixture(scope="module")
def prices() -> Prices:
    return read_prices()


def of(config: StageConfig, templates: Templates, prices: Prices) -> StageCost:
    return stage_cost(config, templates, prices=prices, volumes=Volumes())


def the(rows: list[Row], what: str) -> Row:
    [found] = [row for row in rows if what in row.what]
    return found


def test_the_page_is_what_the_tool_makes(dev: Synthesis, prices: Prices) -> None:
    configs = [replace(config, project=PROJECT) for config in STAGES.values()]
    costs = [of(it, dev.templates if it == DEV else stage_templates(it), prices) for it in configs]
    made = page(costs, Volumes())
    assert block(PAGE, cost.COMMAND) == made, f"make the page again: {cost.COMMAND}"


def test_every_type_of_resource_is_priced_or_known_to_be_free(
    dev: Synthesis, checked: Synthesis, workflows_own: Synthesis
) -> None:
    for synthesis in (dev, checked, workflows_own):
        check(synthesis.templates)
    assert not PRICED.keys() & BY_USE.keys()
    assert not (PRICED.keys() | BY_USE.keys()) & FREE.keys()


def resource(kind: str, **properties: Any) -> Templates:
    return {"Stack": {"Resources": {"Id": {"Type": kind, "Properties": properties}}}}


def test_a_resource_that_nobody_looked_up_is_an_error(prices: Prices) -> None:
    with pytest.raises(CostError, match=r"AWS::EC2::NatGateway \(Stack/Id\)"):
        of(DEV, resource("AWS::EC2::NatGateway"), prices)


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::SSM::Parameter", {"Tier": "Advanced"}),
        ("AWS::CloudWatch::Alarm", {"MetricName": "Errors", "Period": 10}),
    ],
)
def test_dearer_variants_are_errors(
    kind: str, properties: Mapping[str, Any], prices: Prices
) -> None:
    with pytest.raises(CostError, match=kind):
        of(DEV, resource(kind, **properties), prices)


def test_the_function_that_decides_is_priced_where_there_is_one(
    dev: Synthesis, checked: Synthesis, prices: Prices
) -> None:
    assert of(DEV, dev.templates, prices).decide == []
    rows = of(CHECKED, checked.templates, prices).decide
    volumes = Volumes()
    assert the(rows, "calls").quantity == volumes.requests
    assert the(rows, "metrics").quantity == 3  # decisions, fallbacks, guarded
    gigabytes = 1  # of memory
    assert the(rows, "on arm64").quantity == volumes.requests * volumes.decide_seconds * gigabytes
    assert "the function that decides" in page([of(CHECKED, checked.templates, prices)], volumes)


def test_an_instance_type_without_a_price_is_an_error(dev: Synthesis, prices: Prices) -> None:
    training = replace(DEV.training, instance_types=("ml.c9x.large",))
    with pytest.raises(CostError, match=r'\[training.usd\] "ml.c9x.large"'):
        of(replace(DEV, training=training), dev.templates, prices)


def test_interface_endpoints_cost_by_zone_and_gateways_nothing(prices: Prices) -> None:
    kind = "AWS::EC2::VPCEndpoint"
    interface = resource(kind, VpcEndpointType="Interface", SubnetIds=["a", "b"])
    assert total(of(DEV, interface, prices).idle) == pytest.approx(2 * 730 * 0.01)
    assert total(of(DEV, resource(kind, VpcEndpointType="Gateway"), prices).idle) == 0


def test_alarms_count_what_their_expressions_watch(dev: Synthesis, prices: Prices) -> None:
    watched = 0
    for _, _, alarm in Deployed(dev.templates).of_type("AWS::CloudWatch::Alarm"):
        watched += (
            sum("MetricStat" in item for item in alarm["Metrics"]) if "Metrics" in alarm else 1
        )
    assert watched > 7
    assert the(of(DEV, dev.templates, prices).idle, "alarms watch").quantity == watched


def test_a_stage_with_everything_costs_more_in_each_part(
    dev: Synthesis, checked: Synthesis, workflows_own: Synthesis, prices: Prices
) -> None:
    least, pinned = of(DEV, dev.templates, prices), of(CHECKED, checked.templates, prices)
    own = of(WORKFLOWS_OWN, workflows_own.templates, prices)
    assert total(pinned.idle) > total(own.idle) > total(least.idle)
    assert the(pinned.idle, "automatic scaling").quantity == 2
    assert the(pinned.endpoint, "ml.c7i.large").quantity == 4 * 730  # with a shadow fleet
    assert total(pinned.most) == pytest.approx(3 * total(pinned.endpoint), rel=0.01)
    assert not own.most
    assert the(own.execution, "replica").usd > 0
    assert the(own.execution, "second fleet").quantity == pytest.approx(2 * 30 / 60)
    assert not [row for row in pinned.execution if "second fleet" in row.what]


def test_functions_cost_what_the_state_machine_calls(dev: Synthesis, prices: Prices) -> None:
    rows = of(DEV, dev.templates, prices).execution
    assert the(rows, "calls of functions").quantity == 8  # without that of the clean-up
    assert the(rows, "functions on arm64").quantity == 8 * Volumes().function_seconds


def test_spot_makes_jobs_cheaper_and_nothing_else(dev: Synthesis, prices: Prices) -> None:
    rows = of(DEV, dev.templates, prices).execution
    jobs = sum(row.usd for row in rows if "job, 1 x" in row.what)
    assert total(rows) - total(rows, spot_saving=0.5) == pytest.approx(jobs / 2)


def test_what_is_switched_on_costs(dev: Synthesis, prices: Prices) -> None:
    training = replace(DEV.training, use_spot=False, warm_pool_seconds=1800)
    switched = replace(DEV, training=training, alarm_email="someone@example.com")
    rows = of(switched, dev.templates, prices).execution
    assert the(rows, "kept warm").quantity == pytest.approx(1.0)
    assert the(rows, "mails").usd > 0


def test_a_serverless_endpoint_is_paid_by_the_second(dev: Synthesis, prices: Prices) -> None:
    serving = replace(DEV.serving, serverless_memory_mb=4096)
    found = of(replace(DEV, serving=serving), dev.templates, prices)
    assert found.endpoint == found.serverless
    assert the(found.endpoint, "4096 MB").usd == pytest.approx(43_800 * 0.5 * 4 * 0.00002)


def test_transitions_are_those_of_the_longest_execution(dev: Synthesis) -> None:
    machine = definition(dev.templates)
    assert machine is not None
    once = transitions(machine, polls=1)
    assert 10 < once <= len(machine["States"])
    # Wait, describe, look: at the endpoint, and at the devices.
    assert transitions(machine, polls=11) == once + 10 * (3 + 3)


def test_prices_say_where_they_are_from(prices: Prices) -> None:
    assert prices.region == "us-east-1"
    for price in prices.all.values():
        assert price.usd > 0, price.name
        assert price.page.startswith("https://aws.amazon.com/"), price.name
        assert price.date, price.name
        assert price.what, price.name
        assert price.confirmed or price.note, f"{price.name}: say where the number is from"


def test_a_price_without_a_source_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "stacks" / "prices.toml").read_text()
    file = tmp_path / "prices.toml"
    file.write_text(text.replace("[sources.bill]", "[sources.other]"))
    with pytest.raises(CostError, match="source 'bill' is not among them"):
        read_prices(file)


def test_what_is_not_confirmed_is_marked(dev: Synthesis, prices: Prices) -> None:
    found = of(DEV, dev.templates, prices)
    doubtful = {row.price for row in found.rows if not row.price.confirmed}
    made = page([found], Volumes())
    assert doubtful
    for price in doubtful:
        assert f"† not confirmed: {price.note}" in made
    assert isinstance(next(iter(doubtful)), Price)


def test_the_command_prints_a_stage_or_writes_a_page(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    dev: Synthesis,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(cost, "stage_templates", lambda config: dev.templates)
    assert cost.main(["--stage", "dev"]) == 0
    printed = capsys.readouterr().out
    assert "### The stage dev" in printed
    file = tmp_path / "page.md"
    begin, end = made_by(cost.COMMAND)
    file.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    assert cost.main(["--stage", "dev", "--write", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert block(file, cost.COMMAND) == printed.strip()
    assert file.read_text().startswith("before\n")
    assert file.read_text().endswith("after\n")
    assert cost.main(["--stage", "dev", "--project", "No Name"]) == 2
    assert "project" in capsys.readouterr().err


def test_a_page_without_the_place_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("nothing\n")
    with pytest.raises(ValueError, match="has no lines"):
        write_block(file, "a command", "text")
