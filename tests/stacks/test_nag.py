"""cdk-nag over the checked stage: nothing unacknowledged, and few acknowledgements, each argued."""

import re
from collections import Counter

from tests.stacks.exceptions import read_exceptions
from tests.stacks.synthesis import PACKS, Synthesis

MOST = 13
"""Acknowledgements of the stage, those of a pipeline's stack apart."""

PIPELINE = "Pipeline"
FORM = re.compile(r"[A-Za-z0-9.]+::[A-Za-z0-9.]+-[A-Za-z0-9]+(\[.+\])?")
SENTENCE = re.compile(r"\S+( \S+){3,}[.]")


def test_nothing_is_found_that_is_not_acknowledged(checked: Synthesis) -> None:
    # CloudFormation's own validation writes to the same report, and its errors are warnings.
    assert len(PACKS) == 6
    assert [str(finding) for finding in checked.findings] == []


def test_acknowledgements_are_few(checked: Synthesis) -> None:
    own = [item for item in checked.acknowledgements if PIPELINE not in item.construct]
    assert len(own) <= MOST
    assert len(checked.acknowledgements) - len(own) <= MOST


def test_a_plain_stage_acknowledges_less(dev: Synthesis) -> None:
    # It has neither a network, which has two, nor a replica.
    assert len(dev.acknowledgements) <= MOST - 3


def test_every_acknowledgement_says_what_and_why(checked: Synthesis) -> None:
    assert checked.acknowledgements
    for item in checked.acknowledgements:
        # A bare rule would vanish from the report, and cover what nobody has looked at.
        assert FORM.fullmatch(item.finding), item
        assert SENTENCE.search(item.reason), item
        assert item.used, f"acknowledges nothing: {item}"


def test_every_pack_finds_fault_with_what_is_written_without_thinking(
    naive_stack: Synthesis,
) -> None:
    found = Counter(finding.tool for finding in naive_stack.findings)
    assert len(found.keys() - {"CloudFormation Validate"}) == len(PACKS), found
    assert sum(found.values()) >= 100, found


def test_every_exception_of_a_checker_says_why() -> None:
    for item in read_exceptions():
        assert SENTENCE.search(item.reason), item
