"""A model on families of load that were written without sight of it: the page about unseen load.

    python benchmarks/generalisation.py [--model FOLDER] [--write docs/generalisation.md]

Without --model the first model of `make results` is judged, seed 0 of the default preset, which
`python benchmarks/results.py train --presets hindsight-autoscaling --seeds 0` trains alone. 400
windows take about a quarter of an hour on two cores; what is known already, from the same sources,
is not run again.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.errors import UserError  # noqa: E402
from autoscaling_rl.manifest import source_revision  # noqa: E402
from benchmarks.options import from_on  # noqa: E402
from benchmarks.results_cache import judging_key  # noqa: E402
from benchmarks.results_judge import load_model  # noqa: E402
from benchmarks.unseen import DEVELOPMENT, HELD, KIND_OF  # noqa: E402
from benchmarks.unseen.judge import judge_windows  # noqa: E402
from benchmarks.unseen.page import Made, by_kind, write_page  # noqa: E402
from benchmarks.unseen.windows import Unseen  # noqa: E402

WINDOWS = 10  # of each family
PROGRAM = "python benchmarks/generalisation.py"
# All that a result hangs on beside the bundle; the page is made of results.
PROGRAMS = sorted(
    path.relative_to(ROOT / "benchmarks").as_posix()
    for path in (ROOT / "benchmarks/unseen").rglob("*.py")
    if path.name != "page.py"
)
JUDGES = ("results_judge.py", *PROGRAMS)
TRAIN = "python benchmarks/results.py train --presets hindsight-autoscaling --seeds 0"


def main(argv: Sequence[str] | None = None) -> int:
    """Judge a model, print the table, and return the exit status: 2 for a mistake of the user."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    try:
        model = _model(options.model)
    except (UserError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    families = dict.fromkeys(options.families)
    windows = [Unseen(family, number) for number in range(options.windows) for family in families]
    folder, key = options.output / "generalisation", judging_key(JUDGES)
    found = judge_windows(windows, options.model, folder, key, options.jobs)
    print(by_kind(found))
    if options.write:
        made = Made(" ".join([PROGRAM, *given]), model, source_revision())
        write_page(found, made, options.write)
    return 0


def _model(folder: Path) -> str:
    """Return the model in words, once it is known to be one that decides on states.

    Raises:
        UserError: it is not.
    """
    if not (folder / "manifest.json").is_file():
        raise UserError(
            f"{folder} holds no manifest.json: run `{TRAIN}`, or give the folder of an unpacked "
            "model with --model"
        )
    manifest = load_model(folder).manifest
    if manifest["input"] != "states":
        raise UserError(f"{folder}: the model decides on observations alone, not on states of load")
    preset = manifest["preset"].get("name", "no name")
    return f"one model, `{preset}`, seed {manifest['seed']}"


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
        type=_family,
        default=HELD,
        metavar="NAME",
        help=f"default: {', '.join(HELD)}; looked at before: {', '.join(DEVELOPMENT)}",
    )
    parser.add_argument("--windows", type=from_on(1), default=WINDOWS, help="of each family")
    parser.add_argument("--jobs", type=from_on(1), default=2, help="processes at a time")
    parser.add_argument("--output", type=Path, default=output)
    parser.add_argument("--write", type=_page, help="page to write")
    return parser


def _family(name: str) -> str:
    if name not in KIND_OF:
        raise argparse.ArgumentTypeError(f"no family is called {name}: see --help")
    return name


def _page(text: str) -> Path:
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: give the name of the page")
    return Path(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the processes, too
    sys.exit(main())
