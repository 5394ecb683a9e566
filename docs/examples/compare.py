"""Makes docs/images/compare.png: three trainings and an evaluation of the last, in one figure.

.venv/bin/python docs/examples/compare.py          # in the checkout
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from estimator import RLEstimator, compare  # noqa: E402 - from the checkout


def job(program: str, **hyperparameters: object) -> RLEstimator:
    """An estimator of the project's own bundle on this machine."""
    return RLEstimator(
        entry_point=program,
        source_dir=str(ROOT / "training_src"),
        toolkit="cem",
        framework="numpy",
        instance_type="local",
        hyperparameters=hyperparameters,
    )


def main() -> None:
    """Train, evaluate and draw."""
    jobs = [job("train.py", preset="cem-autoscaling", seed=seed) for seed in (1, 2, 3)]
    # One after the other: their speeds are compared. What numba compiles is kept from the first.
    job("train.py", preset="smoke").fit(logs=False)
    for one in jobs:
        one.fit(logs=False)
    judged = job("evaluate.py")
    judged.fit({"checkpoint": jobs[-1].model_data}, logs=False)
    names = ["seed 1", "seed 2", "seed 3", "evaluation of seed 3"]
    figure = compare([*jobs, judged], names=names)
    figure.savefig(ROOT / "docs" / "images" / "compare.png")


if __name__ == "__main__":
    main()
