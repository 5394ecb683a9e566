"""Where a SageMaker job finds its input and leaves its output: the only file that knows /opt/ml.

The same layout is used by hand on a laptop: `python train.py --preset smoke --base-dir DIR` needs
none of SageMaker's files. The contract is in the SageMaker developer guide, "Use your own training
algorithms".
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoscaling_rl.errors import UserError

BASE = "/opt/ml"
BASE_VARIABLE = "SAGEMAKER_BASE_DIR"
CLUSTER_FILE = "resourceconfig.json"


@dataclass(frozen=True, kw_only=True)
class JobPaths:
    """The folders of a job.

    Attributes:
        config: hyperparameters.json, resourceconfig.json, inputdataconfig.json.
        channels: folder of each input channel by name, e.g. `load`; only those that exist.
        model: what becomes model.tar.gz.
        output_data: what becomes output.tar.gz.
        failure: the reason of a failure, for DescribeTrainingJob.
        checkpoints: synchronised with S3 while the job runs, and restored before it starts.
    """

    config: Path
    channels: Mapping[str, Path]
    model: Path
    output_data: Path
    failure: Path
    checkpoints: Path

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.output_data / "tensorboard"

    def create(self) -> None:
        """Create the folders that the job writes to.

        Raises:
            UserError: if one cannot be created.
        """
        for folder in (self.model, self.output_data, self.failure.parent, self.checkpoints):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"cannot create {folder}: {error.strerror}; pass --base-dir DIR with a folder"
                    " that can be written"
                ) from error


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The instances of a training job.

    Attributes:
        hosts: names of all instances.
        current_host: name of this one.
        network_interface: that the instances talk by; empty: not known.
        groups: names of the hosts by instance group; empty for a homogeneous cluster.
    """

    hosts: tuple[str, ...] = ("localhost",)
    current_host: str = "localhost"
    network_interface: str = ""
    groups: Mapping[str, tuple[str, ...]]

    @property
    def leads(self) -> bool:
        """Whether this instance speaks and writes for all."""
        return self.current_host == self.hosts[0]


def job_paths(base_dir: str | None = None, variables: Mapping[str, str] | None = None) -> JobPaths:
    """Return the folders of this job.

    Args:
        base_dir: folder to use instead of /opt/ml; then the variables are not looked at.
        variables: None: the environment's. SAGEMAKER_BASE_DIR replaces /opt/ml; SM_MODEL_DIR,
            SM_OUTPUT_DATA_DIR, SM_INPUT_CONFIG_DIR and SM_CHANNEL_<NAME> name single folders.

    Raises:
        UserError: if nothing says where the job's folders are and there is no /opt/ml; a channel
            that is named is no folder.
    """
    names = {} if base_dir else os.environ if variables is None else variables
    base = Path(base_dir or names.get(BASE_VARIABLE) or BASE)
    if str(base) == BASE and not base.is_dir():
        raise UserError(
            f"there is no {BASE} on this machine: pass --base-dir DIR, or set {BASE_VARIABLE},"
            " to a folder for the job's input and output"
        )
    base = base.absolute()
    prefix = "SM_CHANNEL_"
    inputs = base / "input" / "data"
    channels = {path.name: path for path in sorted(inputs.glob("*")) if path.is_dir()}
    for name, value in names.items():
        if name.startswith(prefix):
            channels[name.removeprefix(prefix).lower()] = _folder(name, value)
    return JobPaths(
        config=Path(names.get("SM_INPUT_CONFIG_DIR") or base / "input" / "config"),
        channels=channels,
        model=Path(names.get("SM_MODEL_DIR") or base / "model"),
        output_data=Path(names.get("SM_OUTPUT_DATA_DIR") or base / "output" / "data"),
        failure=base / "output" / "failure",
        checkpoints=base / "checkpoints",
    )


def check_no_other_load(paths: JobPaths) -> None:
    """Refuse a load in a channel that nothing would read it from.

    Raises:
        UserError: a channel for anything holds a .csv file.
    """
    for name in paths.channels.keys() - {"load", "checkpoint", "model", "code"}:
        for found in paths.channels[name].rglob("*.csv"):
            raise UserError(
                f"channel {name} holds {found.name}, but a load is read from the channel load"
                " alone: give the channel that name"
            )


def _folder(variable: str, value: str) -> Path:
    path = Path(value)
    if not path.is_dir():
        raise UserError(
            f"{variable}: there is no folder {path}: name the folder of the channel's files (this"
            " job reads channels in input mode File or FastFile)"
        )
    return path


def single_file(paths: JobPaths, channel: str, suffix: str) -> Path | None:
    """Return the one file of a channel that ends in `suffix`; None if there is no such channel.

    Raises:
        UserError: if the channel holds none or several.
    """
    folder = paths.channels.get(channel)
    if folder is None:
        return None
    found = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        raise UserError(
            f"channel `{channel}` ({folder}) must hold exactly one {suffix} file, found: {names}"
        )
    return found[0]


def read_hyperparameters(paths: JobPaths, arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the job's hyperparameters; command-line arguments win over hyperparameters.json.

    Raises:
        UserError: if the file is not a JSON object.
    """
    content = _read_object(paths.config / "hyperparameters.json")
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in content.items()
    }
    return {**texts, **arguments}


def read_cluster(paths: JobPaths) -> Cluster:
    """Return the cluster by resourceconfig.json; one local host without that file.

    Instance groups are read here and nowhere else: SDK version 3 does not put them in variables.

    Raises:
        UserError: if the file is not as SageMaker writes it.
    """
    file = paths.config / CLUSTER_FILE
    content = _read_object(file)
    if not content:
        return Cluster(groups={})
    try:
        cluster = Cluster(
            hosts=_names(content["hosts"]),
            current_host=str(content["current_host"]),
            network_interface=str(content.get("network_interface_name", "")),
            groups={
                str(group["instance_group_name"]): _names(group["hosts"])
                for group in content.get("instance_groups", [])
            },
        )
    except (KeyError, TypeError) as error:
        raise UserError(f"{file} is not as SageMaker writes it: {error!r}") from error
    if cluster.current_host not in cluster.hosts:
        raise UserError(
            f"{file} is not as SageMaker writes it: current_host {cluster.current_host!r} is none"
            f" of its hosts, {', '.join(cluster.hosts)}"
        )
    return cluster


def _names(hosts: object) -> tuple[str, ...]:
    if not isinstance(hosts, list) or not hosts:
        raise TypeError("hosts must be a list of names")
    return tuple(str(host) for host in hosts)


def split_arguments(
    argv: Sequence[str], *, flags: Sequence[str] = ()
) -> tuple[dict[str, str], set[str]]:
    """Return `--name value` and `--name=value` arguments by name, and the flags that are set.

    Any name is accepted, since hyperparameters are dotted paths that presets define; the word after
    a name is its value even if it starts with a dash, e.g. `--environment.drift -0.1`.

    Raises:
        UserError: for a word that belongs to no name, a name without value or given twice.
    """
    values: dict[str, str] = {}
    chosen: set[str] = set()
    words = iter(argv)
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise UserError(f"argument {word!r} belongs to no name: give --name value")
        if name in flags and not equals:
            chosen.add(name)
            continue
        if name in values:
            raise UserError(f"argument --{name} is given twice")
        following = value if equals else next(words, None)
        if following is None:
            raise UserError(f"argument --{name} has no value: give --{name} VALUE")
        values[name] = following
    return values, chosen


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a JSON file: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content
