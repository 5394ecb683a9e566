"""Pages read as a browser would, and scorecards to make them of."""

import re
from html.parser import HTMLParser

import numpy as np

from autoscaling_rl.baselines.registry import BASELINES
from autoscaling_rl.scorecard import Totals, evaluation_scorecard

VOID = {"meta", "br", "hr", "img", "input", "link", "col"}
NAMES = ("policy", *BASELINES, "oracle")


class Document(HTMLParser):
    """Reads a page as a browser would, and refuses tags that do not nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self._open = [], [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(path):
    """Return a page that was checked for what holds for every page."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert len(text) < 1_500_000
    page = Document(text)
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "data", "action", "style", "onload"}
    assert not re.search(r"url\(|@import|https?:|//", text)
    assert not {"script", "iframe", "object", "link", "img"} & set(page.tags)
    values = " ".join(value for _, value in page.attributes if value)
    assert not re.search(r"\b(nan|inf|None)\b", f"{page.text} {values}")
    return page


def cost_card(windows=8, saving=0.1, names=NAMES):
    """Return a scorecard in which the policy saves about `saving` against every baseline."""
    noise = np.random.default_rng(0).uniform(0.95, 1.05, (len(names), windows))

    def run(name, place, window):
        share = {"policy": 1 - saving, "oracle": 0.8}.get(name, 1.0 + 0.01 * place)
        billed = 3e5 * share * noise[place, window]
        return Totals(10080, 4e7, 1e4 * place, billed, billed + 800 * place, 9, 3, 70)

    runs = {
        name: [run(name, place, window) for window in range(windows)]
        for place, name in enumerate(names)
    }
    return evaluation_scorecard([f"w{window}" for window in range(windows)], runs)
