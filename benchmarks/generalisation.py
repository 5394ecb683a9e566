"""A model on families of load that were written without sight of it: the page about unseen load.

    python benchmarks/generalisation.py [--model FOLDER] [--write docs/generalisation.md]

Without --model the first model of `make results` is judged, seed 0 of the default preset. 400
windows take about a quarter of an hour on two cores; what is known already, from the same sources,
is not run again.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.manifest import source_revision  # noqa: E402
from benchmarks.results_cache import read_json  # noqa: E402
from benchmarks.unseen import DEVELOPMENT, HELD, KIND_OF  # noqa: E402
from benchmarks.unseen.judge import judge_windows  # noqa: E402
from benchmarks.unseen.page import by_kind, write_page  # noqa: E402
from benchmarks.unseen.windows import Unseen  # noqa: E402

WINDOWS = 10  # of each family


def main(argv: Sequence[str] | None = None) -> int:
    """Judge a model, print the table, and return the exit status: 2 for a mistake of the user."""
    options = _parser().parse_args(argv)
    made = read_json(options.model / "manifest.json")
    if made is None:
        print(
            f"error: {options.model} holds no manifest.json: run `make results`, or give the folder"
            " of an unpacked model with --model",
            file=sys.stderr,
        )
        return 2
    if unknown := set(options.families) - set(KIND_OF):
        print(f"error: no family is called {sorted(unknown)[0]}", file=sys.stderr)
        return 2
    windows = [
        Unseen(family, number) for number in range(options.windows) for family in options.families
    ]
    folder = options.output / "generalisation"
    key = {"source": source_revision()}
    found = judge_windows(windows, options.model, folder, key, options.jobs)
    print(by_kind(found))
    if options.write:
        preset = made["preset"].get("name", "unnamed")
        write_page(found, {**made, "preset": preset}, options.write)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    output = ROOT / "output"
    model = output / "results" / "hindsight-autoscaling-0" / "model"
    parser.add_argument("--model", type=Path, default=model, help="folder of an unpacked model")
    parser.add_argument(
        "--families",
        nargs="+",
        default=HELD,
        help=f"names (default: the {len(HELD)} that were only judged; {len(DEVELOPMENT)} were "
        "looked at)",
    )
    parser.add_argument("--windows", type=int, default=WINDOWS, help="of each family")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--output", type=Path, default=output)
    parser.add_argument("--write", type=Path, help="page to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
