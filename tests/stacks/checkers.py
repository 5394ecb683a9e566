"""Runs the checkers that nobody here wrote over templates, and reads what they found.

Each looks at all cases at once: starting one takes longer than what it does. Nothing is skipped
by a comment in a template; what stands is in `exceptions.toml`.
"""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stacks.contract import definition
from tests.stacks.intrinsics import Deployed
from tests.stacks.synthesis import ROOT, Finding, Templates

VENV = ROOT / ".venv" / "checkers"
GUARD = VENV / "guard" / "package"
_BETWEEN = "@"

Found = Iterator[tuple[str, Finding]]
"""Name of the case, and what was found in it."""


@dataclass(frozen=True)
class Case:
    """Templates of a stage, and which of them are looked at.

    Attributes:
        name: Tells the case from the others.
        templates: All of the stage, since they refer to each other.
        stacks: Those that are looked at.
        definition: Whether the definition of the state machine is, too.
    """

    name: str
    templates: Templates
    stacks: tuple[str, ...]
    definition: bool = True


def lay_out(cases: list[Case], folder: Path) -> None:
    """Write what the checkers read: templates as they are, policies and definitions resolved."""
    for name in ("templates", "policies", "definitions"):
        (folder / name).mkdir()
    for case in cases:
        deployed = Deployed(case.templates)
        for stack in case.stacks:
            name = f"{case.name}{_BETWEEN}{stack}"
            file = folder / "templates" / f"{name}.template.json"
            file.write_text(json.dumps(case.templates[stack], indent=1))
        for stack, logical_id, document in _policies(deployed):
            if stack in case.stacks:
                file = folder / "policies" / f"{case.name}{_BETWEEN}{stack}{_BETWEEN}{logical_id}"
                file.with_name(f"{file.name}.json").write_text(json.dumps(document))
        if case.definition:
            file = folder / "definitions" / f"{case.name}.json"
            file.write_text(json.dumps(definition(deployed)))


def _policies(deployed: Deployed) -> Iterator[tuple[str, str, Any]]:
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for stack, logical_id, properties in deployed.of_type(kind):
            yield stack, logical_id, properties["PolicyDocument"]
    for stack, logical_id, properties in deployed.of_type("AWS::IAM::Role"):
        for policy in properties.get("Policies", ()):
            yield stack, logical_id, policy["PolicyDocument"]


def _run(command: list[str | Path], *, answers: tuple[int, ...], cwd: Path = ROOT) -> str:
    """Run a checker; its status must be one by which it says that it looked at everything."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    made = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert made.returncode in answers, f"{command[0]}: {made.returncode}\n{made.stderr[-3000:]}"
    return made.stdout or made.stderr


def _place(file: str) -> tuple[str, str]:
    """Return case and stack of a file."""
    case, stack = Path(file).name.split(_BETWEEN)[:2]
    return case, stack.removesuffix(".template.json")


def cfn_lint(folder: Path) -> Found:
    """Run cfn-lint, warnings and hints included."""
    files = sorted((folder / "templates").iterdir())
    # Bits of its exit status stand for errors, warnings and hints.
    answers = tuple(range(0, 16, 2))
    # W3005: the CDK writes DependsOn beside references, which is no mistake.
    out = _run(
        [VENV / "bin/cfn-lint", "-t", *files, "-i", "W3005", "-e", "-f", "json"], answers=answers
    )
    for match in json.loads(out):
        case, stack = _place(match["Filename"])
        path = match["Location"]["Path"] or ["Template", "?"]
        yield case, Finding("cfn-lint", match["Rule"]["Id"], f"{stack}/{path[1]}")


def checkov(folder: Path) -> Found:
    """Run checkov; a check that was skipped counts as failed."""
    command = [VENV / "bin/checkov", "-d", folder / "templates", "--framework", "cloudformation"]
    out = _run([*command, "--skip-download", "-o", "json", "--compact"], answers=(0, 1))
    report = json.loads(out)
    assert report["summary"]["parsing_errors"] == 0, report["summary"]
    assert report["summary"]["passed"] > 0, report["summary"]
    for kind in ("failed_checks", "skipped_checks"):
        for check in report["results"][kind]:
            case, stack = _place(check["file_path"])
            resource = f"{stack}/{check['resource'].rpartition('.')[2]}"
            yield case, Finding("checkov", check["check_id"], resource)


def guard(folder: Path) -> Found:
    """Run cfn-guard with the rules of AWS Control Tower."""
    system = "macos" if sys.platform == "darwin" else "ubuntu"
    machine = "aarch64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    program = GUARD / "bin" / system / machine / "cfn-guard"
    rules = GUARD / "rules" / "control-tower" / "cfn-guard"
    command = [program, "validate", "-r", rules, "-d", folder / "templates", "--structured"]
    reports = json.loads(_run([*command, "-o", "json", "-S", "none"], answers=(0, 19)))
    assert len(reports) == len(list((folder / "templates").iterdir()))
    for report in reports:
        case, stack = _place(report["name"])
        for broken in report["not_compliant"]:
            named = set(re.findall(r'"path": "/Resources/(\w+)', json.dumps(broken)))
            for resource in named or {"?"}:
                yield case, Finding("cfn-guard", broken["Rule"]["name"], f"{stack}/{resource}")


def parliament(folder: Path) -> Found:
    """Run parliament: actions that do not exist, and resources that do not fit them."""
    policies = folder / "policies"
    command = [VENV / "bin/parliament", "--directory", policies, "--json"]
    for line in _run([*command, "--minimum_severity", "INFO"], answers=(0, 1)).splitlines():
        found = json.loads(line)
        case, stack = _place(found["location"]["filepath"])
        policy = Path(found["location"]["filepath"]).stem.split(_BETWEEN)[2]
        yield case, Finding("parliament", found["issue"], f"{stack}/{policy}")


_CLOUDSPLAINING = """
import json, pathlib, sys
from cloudsplaining.command.scan_policy_file import scan_policy

for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    results = scan_policy(json.loads(file.read_text()))
    found = {kind: it["findings"] for kind, it in results.items() if isinstance(it, dict)}
    kinds = [kind for kind, findings in found.items() if findings]
    print(json.dumps([file.name, kinds]))
"""


def cloudsplaining(folder: Path) -> Found:
    """Run cloudsplaining: escalation, exposure, exfiltration, credentials."""
    policies = folder / "policies"
    # Its command line takes one policy at a time, and seconds to begin.
    out = _run([VENV / "bin/python", "-c", _CLOUDSPLAINING, policies], answers=(0,))
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == len(list(policies.iterdir()))
    for name, kinds in lines:
        case, stack = _place(name)
        resource = f"{stack}/{Path(name).stem.split(_BETWEEN)[2]}"
        yield from ((case, Finding("cloudsplaining", kind, resource)) for kind in kinds)


def asl_validator(folder: Path) -> Found:
    """Run asl-validator over the rendered definition."""
    program = ROOT / "node_modules" / ".bin" / "asl-validator"
    if not program.exists():
        program = _installed(folder / "npm")
    seen: dict[str, set[str]] = {}  # most mutants leave the definition as it is
    for file in sorted((folder / "definitions").iterdir()):
        text = file.read_text()
        if text not in seen:
            out = _run([program, "--json-path", file], answers=(0, 1))
            assert ("is valid" in out) != ("is invalid" in out), out
            seen[text] = set(re.findall(r"^ ?([A-Z_]+): ", out, re.MULTILINE))
        for rule in seen[text]:
            yield file.stem, Finding("asl-validator", rule, "definition")


def _installed(folder: Path) -> Path:
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]["asl-validator"]
    folder.mkdir()
    quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(["npm", "install", *quiet, f"asl-validator@{wanted}"], answers=(0,), cwd=folder)
    return folder / "node_modules" / ".bin" / "asl-validator"


TOOLS: Mapping[str, Callable[[Path], Found]] = {
    "cfn-lint": cfn_lint,
    "checkov": checkov,
    "cfn-guard": guard,
    "parliament": parliament,
    "cloudsplaining": cloudsplaining,
    "asl-validator": asl_validator,
}


def install() -> None:
    """Install the checkers unless they are there."""
    _run([ROOT / "tools/install_checkers.sh"], answers=(0,))
