"""Reports for people: one self-contained HTML page for an evaluation or a back-test, one picture.

Charts are SVG written here, so that they follow the page's light or dark colours and stay small;
matplotlib draws the picture alone.
"""

from autoscaling_rl.report.backtest_page import backtest_example, write_backtest_report
from autoscaling_rl.report.comparison import Comparison, compare, compare_totals
from autoscaling_rl.report.evaluation_page import write_evaluation_report
from autoscaling_rl.report.example import Example, Run
from autoscaling_rl.report.picture import write_picture

__all__ = [
    "Comparison",
    "Example",
    "Run",
    "backtest_example",
    "compare",
    "compare_totals",
    "write_backtest_report",
    "write_evaluation_report",
    "write_picture",
]
