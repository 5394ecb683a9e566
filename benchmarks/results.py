"""The results in docs/results.md and the picture in the README, made from nothing.

    python benchmarks/results.py [train] [judge] [write] [--traces FOLDER] [--jobs 2] ...

train   trains every preset with several seeds, each in a process of its own
judge   runs models, baselines and oracle over recorded traces and generated load
write   writes the page and the picture from what was judged

Without a stage all are run. What is there already, from the same sources and settings, is not made
again: an interrupted run goes on where it was.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.errors import UserError  # noqa: E402
from autoscaling_rl.manifest import source_revision  # noqa: E402
from benchmarks.baseline_table import TRACES  # noqa: E402
from benchmarks.results_cache import cached, judging_key, write_json  # noqa: E402
from benchmarks.results_judge import judge_all, load_model  # noqa: E402
from benchmarks.results_page import write_page  # noqa: E402
from benchmarks.results_picture import write_results_picture  # noqa: E402
from benchmarks.results_places import Place, generated_places, trace_places  # noqa: E402
from benchmarks.results_read import SUMMARY, Results  # noqa: E402
from benchmarks.results_times import measure  # noqa: E402
from benchmarks.results_train import Model, hyperparameters, train_all, trainings  # noqa: E402

PRESETS = ("hindsight-autoscaling", "hindsight-ensemble")  # the first is taken apart
SEEDS = (0, 1, 2, 3, 4)
STAGES = ("train", "judge", "write")
PAGE, PICTURE = Path("docs/results.md"), Path("docs/images/results.png")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages and return the exit status: 2 for a mistake of the user."""
    options = _parser().parse_args(argv)
    stages = options.stages or STAGES
    try:
        given = hyperparameters(options.set)
        models = [
            Model(preset, seed, options.output / f"{preset}-{seed}", given)
            for preset in options.presets
            for seed in options.seeds
        ]
        if "train" in stages:
            train_all(models, options.jobs)
        if "judge" in stages:
            judge_places(models, _places(options.traces), options)
        if "write" in stages:
            write(options.output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    traces = os.environ.get("TRACES") or ROOT.parent / "shared" / "traces"
    parser.add_argument("stages", nargs="*", type=_stage, metavar="stage", help=", ".join(STAGES))
    parser.add_argument("--traces", type=Path, default=Path(traces), help="folder of load files")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "results")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument(
        "--set", nargs="+", default=(), metavar="NAME=VALUE", help="hyperparameters, for a try"
    )
    return parser


def _stage(word: str) -> str:
    if word not in STAGES:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(STAGES)}")
    return word


def _places(traces: Path) -> list[Place]:
    recorded = trace_places(traces)
    for name in absent(recorded):
        print(f"{traces / TRACES[name].file} is not there: {name} is left out", flush=True)
    if not recorded:
        print("no recorded load: only generated load is judged (set TRACES to a folder)")
    return recorded + generated_places()


def absent(places: Sequence[Place]) -> list[str]:
    """Return the names of the traces that no place is of."""
    return [name for name in TRACES if name not in {place.group for place in places}]


def judge_places(
    models: Sequence[Model], places: Sequence[Place], options: argparse.Namespace
) -> None:
    """Judge the models, measure times, and write the summary that the page is made from.

    Raises:
        UserError: a model is not trained, or sources changed meanwhile.
    """
    for model in models:
        if not model.is_trained():
            raise UserError(f"{model.name} is not trained from these sources: run the stage train")
    key, first = judging_key(), [next(m for m in models if m.preset == p) for p in options.presets]
    folder = options.output / "judged"
    judge_all(places, models, folder=folder, key=key, jobs=options.jobs, ablated=options.presets[0])
    times = {
        model.preset: cached(
            options.output / f"times-{model.preset}.json",
            {**key, **model.wanted()},
            partial(_times, model),
        )
        for model in first
    }
    if judging_key() != key:
        raise UserError("the sources changed while models were judged: run again")
    summary = {
        "source_revision": source_revision(),
        "key": key,
        "presets": list(options.presets),
        "seeds": list(options.seeds),
        "hyperparameters": hyperparameters(options.set),
        "places": [
            {name: getattr(place, name) for name in ("name", "kind", "group", "setting", "series")}
            for place in places
        ],
        "absent": absent(places),
        "trainings": trainings(models),
        "times": times,
        "cores": os.cpu_count(),
        "jobs": options.jobs,
    }
    write_json(options.output / SUMMARY, summary)


def _times(model: Model) -> dict[str, Any]:
    return measure(load_model(model.folder))


def write(output: Path) -> None:
    """Write page and picture; without recorded loads beside the results, not over the committed."""
    results = Results.read(output)
    page, picture = ROOT / PAGE, ROOT / PICTURE
    if results.incomplete():
        page, picture = output / PAGE.name, output / PICTURE.name
        print(f"not all of the results are there: {ROOT / PAGE} is left as it is")
    write_page(results, page)
    write_results_picture(results, picture)
    print(f"written: {page}, {picture}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # trainings save a checkpoint
    sys.exit(main())
