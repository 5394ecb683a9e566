"""A model artifact back-tested on the recorded loads of `baseline_table`, as a Markdown table.

    python benchmarks/backtest_table.py MODEL_TAR_GZ FOLDER

FOLDER holds the traces as load files. Windows are those of `baseline_table.TRACES`, the rules the
back-test's defaults: mean 20 machines, warm-up 5 minutes, failure price 20.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "training_src"), str(ROOT / "benchmarks")]

from baseline_table import TRACES, Trace  # noqa: E402

import backtest  # noqa: E402

TITLES = {
    "isp_uk": "UK academic network, 2004",
    "azure_vm_cpu": "Azure, sum of CPU, 2019",
    "nyc_taxi": "New York taxis, 2014",
    "nasa_jul": "NASA web server, 1995",
    "tweets_amzn": "tweets about Amazon, 2015",
    "tweets_goog": "tweets about Google, 2015",
    "llm_m_large": "LLM requests, one large model",
}


def main() -> None:
    """Back-test the artifact on every trace and print the table."""
    model, folder = sys.argv[1:]
    print("| recorded load | window | policy | target tracking, tuned | best tuned | gap closed |")
    print("|---|---|---|---|---|---|")
    for name, title in TITLES.items():
        print(row(title, TRACES[name], model, Path(folder)), flush=True)


def row(title: str, trace: Trace, model: str, folder: Path) -> str:
    """Return the row of one trace."""
    with tempfile.TemporaryDirectory() as output:
        arguments = [model, str(folder / trace.file), "--output", output]
        arguments += ["--start", f"{trace.start}T00:00Z", "--days", str(trace.days)]
        with contextlib.redirect_stdout(io.StringIO()):
            status = backtest.main(arguments)
        if status:
            sys.exit(status)
        card = json.loads((Path(output) / "scorecard.json").read_text(encoding="utf-8"))
    ratios = {name: each["J_over_oracle"] for name, each in card["policies"].items()}
    tuned = {name: ratio for name, ratio in ratios.items() if name.endswith("_tuned")}
    best = min(tuned, key=lambda name: tuned[name])
    cells = [title, f"{trace.start}, {trace.days} d", f"{ratios['policy']:.3f}"]
    cells += [f"{tuned['target_tracking_tuned']:.3f}", f"{tuned[best]:.3f} {best[:-6]}"]
    gap = card["policies"]["policy"]["gap_closed"]
    return "| " + " | ".join([*cells, f"{gap:.2f}" if gap > 0 else f"**{gap:.2f}**"]) + " |"


if __name__ == "__main__":
    main()
