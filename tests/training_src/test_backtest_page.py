"""The page of a back-test: its scorecard, and what it says with certainty."""

import pytest

from autoscaling_rl.backtest_output import write_backtest
from autoscaling_rl.report import compare_totals, write_backtest_report
from autoscaling_rl.report.verdict import replay_verdict
from autoscaling_rl.report.words import number, percent
from tests.training_src.examples import back_test
from tests.training_src.pages import read


@pytest.fixture(scope="module")
def result():
    return back_test()


def test_a_back_test_shows_the_figures_of_its_scorecard(tmp_path, result):
    write_backtest(result, tmp_path)
    page = read(tmp_path / "report.html")
    card = result.scorecard()
    for name, figures in card["policies"].items():
        assert name in page.words
        assert number(figures["failed_percent"], 3) in page.words
    ends = card["savings"]["target_tracking_tuned"]
    assert (
        f"({percent(ends['lower'])} to {percent(ends['upper'])})".replace("\xa0", " ") in page.text
    )
    assert "90 % confidence interval" in page.text  # each end holds with 95 %
    assert "Back-test over 2 days from 2024-06-02 00:00" in page.text
    assert "Sun 2 Jun" in page.text
    assert (
        "line 7: 15 minutes from 2024-05-31T00:00:00+00:00 are missing: interpolated" in page.text
    )
    assert "target 0." in page.text
    assert "launch_failure_rate" in page.text


def test_a_back_test_of_a_single_day_has_no_interval(tmp_path):
    write_backtest_report(back_test(days=1), tmp_path / "report.html")
    page = read(tmp_path / "report.html")
    assert "No clear difference" in page.text
    assert "no interval" in page.text


@pytest.mark.parametrize(
    ("ours", "badge", "words"),
    [
        ([80.0, 90.0, 85.0], "Costs less", "15.0 % less than"),
        ([120.0, 110.0, 115.0], "Costs more", "15.0 % more than"),
        ([90.0, 120.0, 100.0], "No clear difference", "interval 20.0 % more to 10.0 % less)"),
    ],
)
def test_a_back_test_says_what_is_certain(ours, badge, words):
    found = compare_totals("target_tracking_tuned", ours, [100.0] * 3, confidence=0.975)
    verdict = replay_verdict(found, [found], "3 days")
    assert verdict.word == badge
    assert words in verdict.headline.replace("\xa0", " ")
    assert replay_verdict(None, [], "3 days").word == "Not judged"
