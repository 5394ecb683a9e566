"""The score table: from real scorecards, and from such as nobody should believe."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Window
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.scorecard import evaluation_scorecard, totals
from tests.lambdas.samples import scorecard
from tools.score_table import main, plain, render


def evaluated() -> dict[str, Any]:
    """Return what an evaluation writes, of two short windows that are alike."""

    window = Window(np.array([10.0, 20, 20]), 1, make_rules(capacity=10.0, warmups=1))
    plans = {"policy": [2.0, 3], "target_tracking_tuned": [4.0, 4], "oracle": [2.0, 2]}
    runs = {
        name: [totals(replay_need(window, np.array(plan)), window)] * 2
        for name, plan in plans.items()
    }
    return evaluation_scorecard(["a", "b"], runs)


def rows(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]


def test_the_table_of_an_evaluation() -> None:
    assert rows(render(evaluated())) == [
        ["policy", "failed work", "machine-hours", "J over the oracle's", "gap closed", "total J"],
        ["---"] * 6,
        ["oracle", "0.000 %", "0", "1.000", "1.00", "8"],
        ["**the policy**", "0.000 %", "0", "1.250", "0.75", "10"],
        ["target tracking tuned", "0.000 %", "0", "2.000", "0.00", "16"],
    ]


def test_a_scorecard_without_figures_shows_totals() -> None:
    table = rows(render(scorecard()))
    assert table[0] == ["policy", "total J"]
    assert table[2:4] == [["oracle", "1,240"], ["static best", "1,400"]]


def test_of_returns_the_highest_is_the_best() -> None:
    card = {
        "metric": "return",
        "policies": {"random": {"values": [20, 25]}, "policy": {"values": [200.0, 190]}},
    }
    assert rows(render(card))[0] == ["policy", "total return"]
    assert [row[0] for row in rows(render(card))[2:]] == ["**the policy**", "random"]


def test_a_figure_that_one_policy_lacks_is_left_blank() -> None:
    card = scorecard()
    card["policies"]["policy"] |= {"failed_percent": 0, "gap_closed": None}
    table = rows(render(card))
    assert table[0] == ["policy", "failed work", "total J"]
    assert {row[0]: row[1] for row in table[2:]}["**the policy**"] == "0.000 %"
    assert {row[0]: row[1] for row in table[2:]}["oracle"] == "-"


def test_what_the_gate_said_stands_above() -> None:
    output = {"status": "Rejected", "reason": "It is 4.9 % worse."}
    lines = render(scorecard(), output=output, title="ppo-cartpole").splitlines()
    assert lines[:4] == ["### ppo-cartpole", "", "**Rejected.** It is 4.9 % worse.", ""]


def test_nothing_of_a_job_is_taken_for_markdown() -> None:
    card = scorecard()
    card["policies"]["| @everyone <img src=x> [a](b)\n# `"] = {"values": [1] * 16}
    output = {"status": "<!--", "reason": "*_~#@`[]|<>\\!" + "x" * 10_000}
    shown = render(card, output=output)
    for character in "@<>[]`~\\!":
        assert character not in shown
    assert {len(row) for row in rows(shown)} == {2}
    assert max(map(len, shown.splitlines())) < 700
    assert plain("a_b*c") == "a&#95;b&#42;c"


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "reward"},
        {"policies": []},
        {"policies": {"random": {"values": [1]}}},
        {"policies": {"policy": []}},
        {"policies": {"policy": {"values": None}}},
        {"policies": {"policy": {"values": [True]}}},
        {"policies": {"policy": {"values": [float("nan")]}}},
    ],
)
def test_what_is_no_scorecard_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it is no scorecard"):
        render(scorecard() | change)


def test_files_are_read_and_the_table_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, output = tmp_path / "scorecard.json", tmp_path / "output.json"
    card.write_text(json.dumps(scorecard()))
    output.write_text(json.dumps({"status": "Deployed", "reason": "Better."}))
    assert main([str(card), "--output", str(output), "--title", "smoke"]) == 0
    printed = capsys.readouterr().out
    assert (
        printed == render(scorecard(), output=json.loads(output.read_text()), title="smoke") + "\n"
    )


@pytest.mark.parametrize(
    ("wrong", "content"),
    [
        *[("scorecard.json", content) for content in ("[]", "{", "{}", None)],
        *[("output.json", content) for content in ("[]", "{", None)],
    ],
)
def test_a_file_that_is_none_ends_with_2_and_is_named(
    wrong: str, content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, output = tmp_path / "scorecard.json", tmp_path / "output.json"
    card.write_text(json.dumps(scorecard()))
    output.write_text("{}")
    (tmp_path / wrong).unlink()
    if content is not None:
        (tmp_path / wrong).write_text(content)
    assert main([str(card), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path / wrong) in error
    assert error.count("\n") == 1
