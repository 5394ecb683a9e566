"""The templates: names that others rely on, the definition, and the same bytes each time."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from stacks.config import Edge, Network, Serving, StageConfig
from stacks.parts.variables import READ_BY
from tests.stacks.contract import definition
from tests.stacks.exceptions import require
from tests.stacks.interpreter import DEFINITION
from tests.stacks.intrinsics import Deployed
from tests.stacks.promises import (
    definition_problems,
    promise_problems,
    retention_problems,
    transport_problems,
)
from tests.stacks.synthesis import CHECKED, CONTEXT, DEV, LEFT_OUT, ROOT, Synthesis


def test_names_tags_retention_and_transport_are_as_promised(
    checked: Synthesis, dev: Synthesis
) -> None:
    for synthesis, config in ((checked, CHECKED), (dev, DEV)):
        deployed = Deployed(synthesis.templates)
        found = [
            *promise_problems(deployed, project=config.project, stage=config.stage),
            *retention_problems(synthesis.templates, retain=config.retain_data),
            *transport_problems(deployed),
        ]
        require(found, ["promise"])


def test_tasks_are_tried_again_caught_and_inside_the_network(
    deployed: Deployed, dev: Synthesis
) -> None:
    require(definition_problems(deployed, network=True), ["definition"])
    require(definition_problems(Deployed(dev.templates), network=False), ["definition"])


def test_templates_name_no_partition(dev: Synthesis) -> None:
    assert "arn:aws:" not in json.dumps(dev.templates)


def test_the_layer_is_made_for_the_runtime_of_the_functions(deployed: Deployed) -> None:
    script = (ROOT / "tools" / "build_layer.sh").read_text()
    [python] = re.findall(r"^python=(\S+)$", script, re.MULTILINE)
    functions = [it for _, _, it in deployed.of_type("AWS::Lambda::Function") if "Layers" in it]
    assert [(it["Runtime"], it["Architectures"]) for it in functions] == [
        (f"python{python}", ["arm64"])
    ]


def test_nothing_but_names_and_network_comes_between_file_and_template(deployed: Deployed) -> None:
    assert isinstance(CHECKED.network, Network)
    found, written = definition(deployed), json.loads(DEFINITION.read_text())
    for name, state in written["States"].items():
        parameters = state.get("Parameters", {})
        synthesised = found["States"][name].get("Parameters", {})
        for key, value in parameters.items():
            if str(value).startswith("${"):
                assert synthesised[key].startswith("arn:aws:"), (name, key)
                parameters[key] = synthesised[key]
        if "VpcConfig" in synthesised:
            parameters["VpcConfig"] = synthesised["VpcConfig"]
    assert found == written


def test_the_checked_stage_has_every_part() -> None:
    plain = StageConfig(project="", stage="", retain_data=True)
    for item in fields(StageConfig):
        switched_off = getattr(plain, item.name) in (None, 0)
        if switched_off and item.name not in LEFT_OUT:
            assert getattr(CHECKED, item.name), f"{item.name}: switch it on, or say why not"
    assert LEFT_OUT.keys() <= {item.name for item in fields(StageConfig)}
    for item in fields(Serving):
        if item.name not in ("serverless_memory_mb",):
            assert getattr(CHECKED.serving, item.name), item.name
    for item in fields(Edge):
        assert getattr(CHECKED.edge, item.name), item.name


def test_lambda_takes_the_variables(deployed: Deployed) -> None:
    for _, name, properties in deployed.of_type("AWS::Lambda::Function"):
        given = properties.get("Environment", {}).get("Variables", {})
        # Lambda measures them as JSON; there is room for longer lists and names.
        assert len(json.dumps(given)) <= 3072, name


@pytest.mark.parametrize("step", READ_BY)
def test_a_function_has_the_variables_that_its_handler_reads(step: str) -> None:
    read = {item.name.upper() for item in fields(import_module(f"lambdas.{step}").Settings)}
    assert set(READ_BY[step]) == read - {"EDGE_NOTIFY_SECONDS"}  # which only local mode sets


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Another checkout, in another folder, in which the code has run already."""
    folder = tmp_path / "another checkout"
    folder.mkdir()
    without = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("edge_src", "image", "lambdas", "requirements", "stacks", "training_src"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    shutil.copy(ROOT / "app.py", folder)
    for name in ("edge_src", "lambdas", "training_src", "training_src/autoscaling_rl"):
        cache = folder / name / "__pycache__"
        cache.mkdir()
        (cache / "left_over.cpython-311.pyc").write_bytes(b"bytes of an earlier run")
    return folder


def test_another_checkout_synthesises_the_same_bytes(
    copy: Path, tmp_path: Path, dev: Synthesis
) -> None:
    out = tmp_path / "out"
    context = json.dumps(CONTEXT | {"project": DEV.project, "stage": DEV.stage})
    made = subprocess.run(
        [sys.executable, "app.py"],
        cwd=copy,
        env=os.environ | {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    first, second = contents(dev.folder), contents(out)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert any(name.startswith("asset.") for name in first)


def contents(folder: Path) -> dict[str, bytes]:
    """Read templates and assets; what else is there holds stack traces and the folder's name."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and (
            file.name.endswith((".template.json", ".assets.json"))
            or str(file.relative_to(folder)).startswith("asset.")
        )
    }


def test_executions_by_the_clock_train_what_the_stage_says(checked: Synthesis) -> None:
    rules = Deployed(checked.templates).of_type("AWS::Events::Rule")
    [given] = [
        json.loads(target["Input"])
        for _, _, rule in rules
        if "ScheduleExpression" in rule
        for target in rule["Targets"]
    ]
    assert given["preset"] == CHECKED.retrain_preset
    assert given["training"]["instance_count"] == CHECKED.training.instance_count
