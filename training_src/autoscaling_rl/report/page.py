"""The page around charts and tables: one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoscaling_rl.report.style import STYLE
from autoscaling_rl.report.words import escaped

# Nothing may be loaded or run, whatever text found its way into the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: heading.
        body: HTML.
        lead: HTML of a paragraph before it.
    """

    title: str
    body: str
    lead: str = ""


@dataclass(frozen=True)
class Tile:
    """A figure at the top of the page, as text.

    Attributes:
        title: what it is.
        value: the figure.
        detail: what to compare it with.
    """

    title: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer in a few words.

    Attributes:
        word: on the badge.
        kind: "good", "bad" or "open".
        headline: one sentence.
        detail: HTML of the sentences after it.
    """

    word: str
    kind: str
    headline: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report.

    Attributes:
        title: of the document.
        verdict: the answer.
        tiles: the main figures.
        sections: all else.
    """

    title: str
    verdict: Verdict
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = field(default_factory=tuple)

    def html(self) -> str:
        """Return the document."""
        sections = "".join(_section(each) for each in self.sections)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escaped(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f"{_header(self.title, self.verdict, self.tiles)}\n<main>\n{sections}</main>\n"
            "</body>\n</html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the document."""
        path.write_text(self.html(), encoding="utf-8")


def _header(title: str, verdict: Verdict, tiles: Sequence[Tile]) -> str:
    mark = {"good": "\N{CHECK MARK}", "bad": "\N{MULTIPLICATION X}"}.get(verdict.kind, "?")
    shown = "".join(
        f'<div class="tile"><span class="quiet">{escaped(each.title)}</span>'
        f"<strong>{escaped(each.value)}</strong>"
        f'<span class="quiet">{escaped(each.detail)}</span></div>'
        for each in tiles
    )
    return (
        f'<header><p class="over">{escaped(title)}</p><p class="badge {verdict.kind}">'
        f'<span aria-hidden="true">{mark}</span> {escaped(verdict.word)}</p>'
        f"<h1>{escaped(verdict.headline)}</h1>"
        f'<p class="detail">{verdict.detail}</p><div class="tiles">{shown}</div></header>'
    )


def _section(section: Section) -> str:
    lead = f'<p class="lead">{section.lead}</p>' if section.lead else ""
    return f"<section><h2>{escaped(section.title)}</h2>{lead}{section.body}</section>\n"


def details(summary: str, body: str, *, opened: bool = False) -> str:
    """Return a part that readers open and close."""
    state = " open" if opened else ""
    return f"<details{state}><summary>{escaped(summary)}</summary>{body}</details>"


def note_list(notes: Sequence[str]) -> str:
    """Return notes as a list."""
    return f"<ul>{''.join(f'<li>{escaped(each)}</li>' for each in notes)}</ul>"
