"""The one list of findings that stand, `exceptions.toml`, and what it leaves of findings."""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.stacks.synthesis import Finding

FILE = Path(__file__).with_name("exceptions.toml")


@dataclass(frozen=True)
class Exception_:
    """An entry; rule and resource may hold `*`."""

    tool: str
    rule: str
    resource: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Tell whether the entry speaks of a finding."""
        return self.tool == finding.tool and (
            fnmatchcase(finding.rule, self.rule) and fnmatchcase(finding.resource, self.resource)
        )


def read_exceptions(file: Path = FILE) -> list[Exception_]:
    """Read the list; a missing or misspelt key raises."""
    entries = tomllib.loads(file.read_text()).get("exception", [])
    return [Exception_(**entry) for entry in entries]


def remaining(findings: Iterable[Finding], exceptions: list[Exception_]) -> list[str]:
    """Return the findings that no exception covers."""
    return sorted({str(it) for it in findings if not any(e.covers(it) for e in exceptions)})


def require(findings: Iterable[Finding], tools: Collection[str]) -> None:
    """Let tools have found nothing but what the list says of them.

    Raises:
        AssertionError: Names every finding that is not listed, and every entry without a finding.
    """
    found = list(findings)
    listed = [item for item in read_exceptions() if item.tool in tools]
    lines = remaining(found, listed)
    lines += [f"{FILE.name}: unused: {it}" for it in listed if not any(map(it.covers, found))]
    assert not lines, "\n".join(lines)
