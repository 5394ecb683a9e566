"""TOML files with the line of every key, so that an error can name the place."""

import re
import tomllib
from pathlib import Path
from typing import Any

from autoscaling_rl.errors import UserError

MAX_BYTES = 64 * 1024
MAX_LINE = 1000  # characters; a key of many thousand parts would cost the parser gigabytes

Key = tuple[str, ...]
# What can hide a bracket or a quotation mark: texts of several lines, texts of one line, comments.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*",
    re.DOTALL,
)
_PART = re.compile(r'\s*(?:([A-Za-z0-9_-]+)|"(\d+)")\s*')  # after texts became numbers


def read_toml(path: Path) -> tuple[dict[str, Any], dict[Key, int]]:
    """Return the tables of a TOML file, and the line number of each of its keys and tables.

    Raises:
        UserError: if it cannot be read, is larger than 64 kB, is not text or is not TOML, e.g. with
            a key given twice.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES // 1024} kB: that is no preset")
    try:
        text = content.decode()
        refuse_long_lines(path, text)
        return tomllib.loads(text), key_lines(text)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file in UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not valid TOML: {reason}") from error


def refuse_long_lines(path: Path, text: str) -> None:
    """Refuse what no person writes into a preset, before the parser meets it.

    Raises:
        UserError: if a line is longer than 1,000 characters.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE:
            raise UserError(f"{path}, line {number} is longer than {MAX_LINE} characters")


def key_lines(text: str) -> dict[Key, int]:
    """Return the line number of each key and table in valid TOML, but not in inline tables."""
    quoted: list[str] = []

    def simplify(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith("#"):
            return ""
        if token[:3] in ('"""', "'''"):
            return "0" + "\n" * token.count("\n")
        quoted.append(token[1:-1])
        return f'"{len(quoted) - 1}"'

    lines: dict[Key, int] = {}
    table: Key = ()
    depth = 0  # brackets that a value opened on an earlier line
    for number, line in enumerate(_TOKEN.sub(simplify, text).split("\n"), start=1):
        if depth == 0 and line.lstrip().startswith("["):
            table = _parts(line.lstrip().lstrip("["), quoted)
            lines.setdefault(table, number)
            continue
        key = _parts(line, quoted) if depth == 0 else ()
        for length in range(1, len(key) + 1):
            lines.setdefault(table + key[:length], number)
        depth += line.count("[") + line.count("{") - line.count("]") - line.count("}")
    return lines


def _parts(text: str, quoted: list[str]) -> Key:
    """Return the dotted key that `text` starts with; empty if there is none."""
    parts: list[str] = []
    place = 0
    while match := _PART.match(text, place):
        parts.append(match[1] or quoted[int(match[2])])
        place = match.end()
        if text[place : place + 1] != ".":
            break
        place += 1
    return tuple(parts)
