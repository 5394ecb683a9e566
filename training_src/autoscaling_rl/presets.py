"""Presets: what to train, on what, and how. Defaults < preset file < hyperparameters of the job.

A preset is a TOML file that states only what differs from documented defaults:

    toolkit = "sb3"
    seed = 0
    requirements = []  # packages that the environment needs
    [environment]     # id and settings of a Gymnasium environment
    [training]        # the toolkit's options
    [evaluation]      # see `EvaluationSettings`
    [guard]           # see `GuardSettings`: guard rails that every decision passes
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from autoscaling_rl.controller.guard import GuardSettings
from autoscaling_rl.environment_factory import AUTOSCALING, check_environment, environment_settings
from autoscaling_rl.errors import UserError
from autoscaling_rl.hyperparameters import Table, apply_hyperparameters, chosen
from autoscaling_rl.packages import check_requirements, provide
from autoscaling_rl.settings import (
    Settings,
    build,
    documentation,
    named_in,
    setting,
    unknown,
)
from autoscaling_rl.toml_file import Key, read_toml
from autoscaling_rl.toolkits import find_toolkit, toolkit_names

PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT_PRESET = "hindsight-autoscaling"

_TABLES = ("environment", "training", "evaluation", "guard")


@dataclass(frozen=True, kw_only=True)
class GeneralSettings:
    """The keys of a preset that stand outside its tables.

    Attributes:
        toolkit: what trains: "hindsight", "cem" or "sb3".
        description: one line for people.
        seed: seed of everything random in training; the same seed gives the same policy.
        requirements: packages that the environment needs beyond those of the bundle, as in
            "NAME==VERSION"; a job installs them for itself. Not a hyperparameter.
    """

    toolkit: str = setting("cem", choices=toolkit_names())
    description: str = ""
    seed: int = setting(0, minimum=0, maximum=2**31 - 1)
    requirements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse requirements that are options or addresses."""
        check_requirements(self.requirements)


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How a trained policy is judged.

    Attributes:
        episodes: episodes (windows of load) that the policy and every baseline are run over.
        baseline: what the report compares with, as the gate does; empty: the best of the tuned
            ones, or a random policy where there are none.
        confidence: of the gate's lower bound, for the report.
    """

    episodes: int = setting(16, minimum=2, maximum=10_000)
    baseline: str = ""
    confidence: float = setting(0.95, minimum=0.5, maximum=0.999)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Effective settings of a job.

    Attributes:
        name: name of the preset, or the stem of its file.
        description: one line for people.
        toolkit: name of the toolkit.
        seed: seed of everything random in training.
        requirements: packages that the environment needs.
        environment: "id" and every setting of the environment.
        training: the toolkit's options, an instance of its `Options`.
        evaluation: how the policy is judged.
        guard: settings of the guard rails that were chosen; the others depend on the policy.
    """

    name: str
    description: str
    toolkit: str
    seed: int
    requirements: tuple[str, ...]
    environment: Mapping[str, Any]
    training: Any
    evaluation: EvaluationSettings
    guard: Mapping[str, Any]

    def effective(self) -> dict[str, Any]:
        """Return every setting as JSON values, as kept in the manifest."""
        tables = {
            "name": self.name,
            "description": self.description,
            "toolkit": self.toolkit,
            "seed": self.seed,
            "requirements": self.requirements,
            "environment": dict(self.environment),
            "training": asdict(self.training),
            "evaluation": asdict(self.evaluation),
            "guard": dict(self.guard),
        }
        plain: dict[str, Any] = json.loads(json.dumps(tables))
        return plain


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets in the bundle."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def list_presets() -> str:
    """Return name and description of every preset in the bundle, one per line."""
    found = [(name, read_toml(PRESETS / f"{name}.toml")[0]) for name in preset_names()]
    return "\n".join(f"{name:18} {values.get('description', '')}" for name, values in found)


def load_preset(
    name_or_path: str | Path, hyperparameters: Mapping[str, str] | None = None
) -> Preset:
    """Return the preset of that name, or in that file, with hyperparameters applied.

    Args:
        name_or_path: name of a preset of the bundle, or path of a file that ends in .toml.
        hyperparameters: texts by dotted path (`training.n_envs`) or by a bare name that is unique
            (`n_envs`); `preset` and `sagemaker_*` are skipped.

    Raises:
        UserError: for anything unknown, mistyped or out of range, with the place and the remedy.
    """
    path = _find(name_or_path)
    values, lines = read_toml(path)

    def place(key: Key) -> str:
        while key and key not in lines:
            key = key[:-1]
        return f"{path}, line {lines[key]}" if key else str(path)

    return _resolve(path.stem, values, hyperparameters or {}, place)


def preset_from_manifest(
    effective: Mapping[str, Any], hyperparameters: Mapping[str, str] | None = None
) -> Preset:
    """Return the preset that an artifact's manifest holds, with hyperparameters applied.

    Raises:
        UserError: as for `load_preset`.
    """
    values = {name: value for name, value in effective.items() if name != "name"}
    name = str(effective.get("name", "artifact"))
    return _resolve(name, values, hyperparameters or {}, lambda key: "manifest.json, preset")


def describe(preset: Preset) -> str:
    """Return every effective setting with what its documentation says, one per line."""
    general = {
        "toolkit": preset.toolkit,
        "seed": preset.seed,
        "requirements": list(preset.requirements),
    }
    lines = [f"preset {preset.name}: {preset.description}"]
    tables = [
        ("", GeneralSettings, general),
        ("environment.", environment_settings(str(preset.environment["id"])), preset.environment),
        ("training.", type(preset.training), asdict(preset.training)),
        ("evaluation.", EvaluationSettings, asdict(preset.evaluation)),
        ("guard.", GuardSettings, preset.guard),
    ]
    for prefix, cls, values in tables:
        words = documentation(cls) if cls else {}
        lines += [
            f"{prefix}{key} = {value}  # {words.get(key, '')}" for key, value in values.items()
        ]
    return "\n".join(lines)


def _find(name_or_path: str | Path) -> Path:
    if str(name_or_path).endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in preset_names():
        reason = unknown("there is no preset", str(name_or_path), preset_names())
        raise UserError(f"{reason} (or give the path of a .toml file)")
    return PRESETS / f"{name_or_path}.toml"


def _resolve(
    name: str,
    values: Mapping[str, Any],
    hyperparameters: Mapping[str, str],
    place: Callable[[Key], str],
) -> Preset:
    tables = _tables(values, place)
    # What the other names mean depends on these two.
    toolkit = chosen(hyperparameters, "", "toolkit") or tables[""].get("toolkit", "")
    identifier = chosen(hyperparameters, "environment", "id")
    identifier = identifier or tables["environment"].setdefault("id", AUTOSCALING)
    if not isinstance(identifier, str):
        raise UserError(f"{place(('environment', 'id'))}: environment.id must be a text")
    options = find_toolkit(toolkit).Options if toolkit in toolkit_names() else None
    classes = {
        "": GeneralSettings,
        "environment": environment_settings(identifier),
        "training": options,
        "evaluation": EvaluationSettings,
        "guard": GuardSettings,
    }
    given = apply_hyperparameters(tables, hyperparameters, classes)

    def build_table(table: str, cls: type[Settings], what: str) -> Settings:
        return build(cls, tables[table], place=partial(_place, place, given, table), what=what)

    if "requirements" in hyperparameters:
        raise UserError(
            "hyperparameter requirements: what a job installs stands in the preset's file alone,"
            " name it there"
        )
    general = build_table("", GeneralSettings, "preset")
    provide(general.requirements)
    environment_place = partial(_place, place, given, "environment")
    environment = check_environment(tables["environment"], place=environment_place)
    evaluation = build_table("evaluation", EvaluationSettings, "evaluation")
    _check_baseline(evaluation.baseline, environment, partial(_place, place, given, "evaluation"))
    return Preset(
        name=name,
        description=general.description,
        toolkit=general.toolkit,
        seed=general.seed,
        requirements=general.requirements,
        environment=environment,
        training=build_table("training", find_toolkit(general.toolkit).Options, "training"),
        evaluation=evaluation,
        guard=_check_guard(tables["guard"], partial(_place, place, given, "guard")),
    )


def _check_baseline(name: str, environment: Mapping[str, Any], place: Callable[[str], str]) -> None:
    """Refuse a baseline that an evaluation of the environment does not run."""
    if not name:
        return
    known: tuple[str, ...]
    if environment["id"] == AUTOSCALING and environment["profile"] == "default":
        from autoscaling_rl.baselines.registry import BASELINES
        from autoscaling_rl.scorecard import BEST_TUNED

        known = (*BASELINES, BEST_TUNED)
    else:
        from autoscaling_rl.evaluation_returns import baselines

        known = baselines(environment)
    if name not in known:
        reason = unknown("evaluation.baseline: this environment has no baseline", name, known)
        raise UserError(f"{place('baseline')}: {reason}")


def _check_guard(values: Mapping[str, Any], place: Callable[[str], str]) -> Mapping[str, Any]:
    try:
        GuardSettings.of(values)
    except ValueError as error:
        raise UserError(f"{place(named_in(str(error), values))}: {error}") from error
    return values


def _tables(values: Mapping[str, Any], place: Callable[[Key], str]) -> dict[str, dict[str, Any]]:
    """Return the tables by name, and what stands outside of them by the name ""."""
    tables = {"": {key: value for key, value in values.items() if key not in _TABLES}}
    for table in _TABLES:
        content = values.get(table, {})
        if not isinstance(content, dict):
            raise UserError(f"{place((table,))}: {table} must be a table, [{table}]")
        tables[table] = dict(content)
    known = {*_TABLES, *(field.name for field in fields(GeneralSettings))}
    for key in tables[""]:
        if key not in known:
            raise UserError(f"{place((key,))}: {unknown('a preset has no key', key, known)}")
    return tables


def _place(place: Callable[[Key], str], given: Mapping[Table, str], table: str, key: str) -> str:
    """Say where a key was given: by a hyperparameter, or in the file."""
    return given.get((table, key)) or place((table, key) if table else (key,))
