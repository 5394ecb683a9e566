"""Entry script of the evaluation job: artifact + load -> scorecard, report, artifact with figures.

    python evaluate.py --base-dir DIR [--episodes 16] [--environment.failure_price 50 ...]

The channel `checkpoint` holds the artifact (a model.tar.gz, or what is in it), the channel `load`,
if there is one, the recorded load. Output: scorecard.json, report.html and trajectories.csv in
output/data, and the artifact with the evaluation's figures in its manifest in the model folder.

Exit status: 0 done; 2 a mistake of the user, named in one line; 1 a fault, or Ctrl-C.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoscaling_rl.artifact import add_figures, find_artifact
from autoscaling_rl.bundle_files import look_in_channels
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.errors import UserError
from autoscaling_rl.evaluation_output import write_evaluation, write_returns
from autoscaling_rl.job import end_process, run_job
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.paths import JobPaths, check_no_other_load, single_file
from autoscaling_rl.presets import Preset, preset_from_manifest

_OWN = ("preset", "seed")  # of the training; the evaluation takes them from the manifest


def main(argv: Sequence[str] | None = None) -> int:
    """Run an evaluation job and return the exit status."""
    flags = {"help": lambda values: str(__doc__)}
    return run_job(evaluate, argv, name="evaluation", flags=flags)


def evaluate(paths: JobPaths, hyperparameters: dict[str, str]) -> None:
    """Evaluate the artifact in the channel `checkpoint`.

    Raises:
        UserError: for a mistake of the user.
    """
    look_in_channels(paths.channels)
    channel = paths.channels.get("checkpoint") or paths.channels.get("model")
    if channel is None:
        raise UserError(
            "there is no channel `checkpoint`: give the S3 URI of a training job's model.tar.gz"
        )
    chosen = {name: text for name, text in hyperparameters.items() if name not in _OWN}
    with tempfile.TemporaryDirectory(prefix="artifact-") as workspace, Reporter() as reporter:
        folder = find_artifact(channel, Path(workspace) / "model")
        model = load_model(folder)
        preset = preset_from_manifest(model.manifest["preset"], chosen)
        if "seed" in hyperparameters:
            reporter.message(f"windows are drawn with the training's seed, {preset.seed}")
        figures = _judge(model, preset, paths, reporter)
        shutil.copytree(folder, paths.model, dirs_exist_ok=True)
    add_figures(paths.model, "evaluation", figures)


def load_model(folder: Path) -> Any:  # noqa: ANN401 - see `rollout.ArtifactPolicy`
    """Return the verified artifact in `folder`."""
    from autoscaling_rl.rollout import ArtifactPolicy

    return ArtifactPolicy.load(folder)


def _judge(
    model: Any,  # noqa: ANN401 - see `load_model`
    preset: Preset,
    paths: JobPaths,
    reporter: Reporter,
) -> dict[str, Any]:
    load_path = single_file(paths, "load", ".csv")
    environment = dict(preset.environment)
    episodes = preset.evaluation.episodes
    if environment["id"] == AUTOSCALING and environment["profile"] == "default":
        from autoscaling_rl.environments.profiles import AutoScalingSettings
        from autoscaling_rl.evaluation import evaluate as run

        check_no_other_load(paths)
        environment.pop("id")
        settings = AutoScalingSettings(**environment)
        result = run(
            model,
            settings,
            episodes=episodes,
            seed=preset.seed,
            load_path=load_path,
            reporter=reporter,
        )
        card = write_evaluation(result, model.manifest, paths.output_data, preset.evaluation)
    else:
        from autoscaling_rl.evaluation_returns import evaluate_returns

        card = evaluate_returns(
            model.policy, environment, episodes=episodes, seed=preset.seed, reporter=reporter
        )
        write_returns(card, model.manifest, paths.output_data, preset.evaluation)
    ours = card["policies"]["policy"]
    names = {"failed_percent", "machine_hours", "J", "J_over_oracle", "gap_closed"}
    reporter.metrics({k: ours[k] for k in names if ours.get(k) is not None}, step=0)
    if "mean_return" in ours:
        reporter.metrics({"episode_reward_mean": ours["mean_return"]}, step=0)
    return json_figures(card)


def json_figures(card: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest keeps of a scorecard: every policy's figures, without windows."""
    figures = {
        name: {key: value for key, value in policy.items() if key != "values"}
        for name, policy in card["policies"].items()
    }
    plain: dict[str, Any] = json.loads(json.dumps({**card, "policies": figures}))
    return plain


if __name__ == "__main__":
    end_process(main())
