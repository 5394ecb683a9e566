"""Parts of pages of the documentation that are made from templates: synthesis, and the place."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stacks.config import StageConfig

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "rl-autoscaling"
"""What stages on pages are called, see `cdk.json`."""

Templates = dict[str, dict[str, Any]]


def stage_templates(config: StageConfig) -> Templates:
    """Synthesise a stage as `cdk synth` does; nothing is kept, nothing printed.

    Args:
        config: The stage.

    Returns:
        The templates by the names of their stacks.
    """
    from aws_cdk import App  # starts Node, which reading a page need not pay

    from stacks.build import build

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder)
        build(app, config)
        app.synth()
        files = sorted(Path(folder).glob("*.template.json"))
        return {it.name.removesuffix(".template.json"): json.loads(it.read_text()) for it in files}


def made_by(command: str) -> tuple[str, str]:
    """Return the lines before and after what a command makes."""
    return f"<!-- made by `{command}` -->", "<!-- end of what is made -->"


def block(page: Path, command: str) -> str:
    """Return what stands on a page between the lines of a command.

    Args:
        page: The page, in Markdown.
        command: The command.

    Raises:
        ValueError: The page has no such lines.
    """
    text, (begin, end) = page.read_text(), made_by(command)
    if text.count(begin) != 1 or end not in text.partition(begin)[2]:
        raise ValueError(f"{page}: has no lines {begin} and {end}")
    return text.partition(begin)[2].partition(end)[0].strip()


def write_block(page: Path, command: str, content: str) -> None:
    """Put what a command makes between its lines on a page.

    Args:
        page: The page, in Markdown.
        command: The command.
        content: What it makes.

    Raises:
        ValueError: The page has no such lines.
    """
    block(page, command)
    before, begin, rest = page.read_text().partition(made_by(command)[0])
    _, end, after = rest.partition(made_by(command)[1])
    page.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
