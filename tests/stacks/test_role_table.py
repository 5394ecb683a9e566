"""The page on security holds the table that the templates make, and nothing is missing in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks import role_table
from stacks.pages import block, made_by
from stacks.security.grants import Grants
from stacks.security.readable import Readable
from tests.stacks import grants as second
from tests.stacks.intrinsics import Deployed
from tests.stacks.synthesis import ROOT, Synthesis, Templates

PAGE = ROOT / "docs" / "security.md"

Allowed = tuple[str, str, frozenset[str]]


def test_the_page_is_what_the_tool_makes(dev: Synthesis) -> None:
    made = role_table.role_table(dev.templates)
    assert block(PAGE, role_table.COMMAND) == made, f"make the page again: {role_table.COMMAND}"


def read_again(templates: Templates) -> Iterator[Allowed]:
    """Yield role, action and keys of conditions, as the tests read policies."""
    deployed = Deployed(templates)
    for role in second.roles(deployed):
        for statement in second.statements(deployed, role):
            keys = frozenset(key for pairs in statement.conditions.values() for key in pairs)
            for action in statement.actions if statement.allows else ():
                yield role.name, action, keys


def read_in_words(grants: Grants) -> Iterator[Allowed]:
    for grant in grants.all:
        keys = frozenset(condition.split()[0] for condition in grant.conditions)
        for action in grant.actions if grant.allows else ():
            if grant.who in grants.roles:
                yield grant.who, action, keys


def test_a_second_reading_finds_the_same(dev: Synthesis, checked: Synthesis) -> None:
    for synthesis in (dev, checked):
        grants = Grants(synthesis.templates)
        found = {*read_in_words(grants)}
        assert found == {*read_again(synthesis.templates)}
        assert len(found) > 50
        assert list(grants.roles) == [it.name for it in second.roles(Deployed(synthesis.templates))]


def test_the_page_gives_the_reason_of_every_acknowledgement(
    dev: Synthesis, checked: Synthesis
) -> None:
    text = " ".join(PAGE.read_text().split())
    for item in (*dev.acknowledgements, *checked.acknowledgements):
        assert item.reason in text, item


def test_no_hash_makes_the_page_old(dev: Synthesis) -> None:
    made = role_table.role_table(dev.templates)
    assert "HASH" in made
    assert not re.search(r"[0-9a-f]{64}|[0-9A-F]{8}\b", made)


def test_refusals_are_not_taken_for_permissions(dev: Synthesis) -> None:
    lines = role_table.role_table(dev.templates).splitlines()
    refusing = [line for line in lines if "aws:SecureTransport = false" in line]
    assert len(refusing) == 3
    assert all("**never**" in line for line in refusing)
    # The first refusal names whom it is for, and those below it are for the same.
    assert "*everybody*" in next(line for line in lines if "**never**" in line)


def template(**resources: Any) -> Templates:
    return {"project-stage-Part": {"Resources": resources}}


def role(**properties: Any) -> dict[str, Any]:
    trust = {"Statement": [{"Principal": {"Service": "lambda.amazonaws.com"}}]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": trust, **properties},
    }


def test_inline_policies_and_plain_names_are_read() -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::name/*"}
    inline = [{"PolicyName": "inline", "PolicyDocument": {"Statement": statement}}]
    templates = template(
        Own=role(RoleName="project-stage-own", Policies=inline), Empty12AB34CD=role()
    )
    [grant] = Grants(templates).all
    assert (grant.who, grant.actions) == ("own", ("s3:GetObject",))
    assert grant.resources == ("bucket name/*",)
    made = role_table.role_table(templates)
    assert "| **Empty** | lambda.amazonaws.com | nothing in this stage |" in made


@pytest.mark.parametrize("value", [{"Fn::Select": [0, ["a"]]}, {"Fn::Sub": ["${a}", {"a": "b"}]}])
def test_what_is_not_understood_is_an_error(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not known in"):
        Readable(template()).text("project-stage-Part", value)


def test_the_command_prints_a_stage_or_writes_a_page(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    dev: Synthesis,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(role_table, "stage_templates", lambda config: dev.templates)
    assert role_table.main(["--stage", "dev"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("| who |")
    file = tmp_path / "page.md"
    file.write_text("\n".join(made_by(role_table.COMMAND)))
    assert role_table.main(["--stage", "dev", "--write", str(file)]) == 0
    assert block(file, role_table.COMMAND) == printed.strip()
    assert role_table.main(["--stage", "dev", "--project", "No Name"]) == 2
    assert "project" in capsys.readouterr().err
