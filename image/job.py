"""A training job as its container finds it: hyperparameters, SM_ variables, arguments."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image.tree import decode, read_object

# SageMaker's own settings, and what SDK version 2 adds, are not meant for the program.
_RESERVED = "sagemaker_"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The tree of one host and what its three files say.

    Attributes:
        base: The folder that stands for /opt/ml.
        hyperparameters: As they came: texts, some of them JSON.
        resources: The hosts.
        inputs: The channels by name.
    """

    base: Path
    hyperparameters: Mapping[str, object]
    resources: Mapping[str, object]
    inputs: Mapping[str, object]

    @classmethod
    def read(cls, base: Path) -> "Job":
        """Read input/config; what is missing there is empty.

        Raises:
            CommandError: If a file is not as SageMaker writes it.
        """
        config = base / "input" / "config"
        return cls(
            base=base,
            hyperparameters=read_object(config / "hyperparameters.json"),
            resources=read_object(config / "resourceconfig.json"),
            inputs=read_object(config / "inputdataconfig.json"),
        )

    def channel(self, name: str) -> Path:
        """Return the folder of an input channel."""
        return self.base / "input" / "data" / name

    def arguments(self) -> list[str]:
        """Return the program's hyperparameters as `--name value`, as both SDKs' containers do."""
        return [
            word
            for name, value in self._values().items()
            for word in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
        ]

    def variables(self) -> dict[str, str]:
        """Return the SM_ variables that programs written for either SDK count on."""
        values = self._values()
        channels = sorted(self.inputs)
        variables = {
            "SM_MODEL_DIR": str(self.base / "model"),
            "SM_OUTPUT_DIR": str(self.base / "output"),
            "SM_OUTPUT_DATA_DIR": str(self.base / "output" / "data"),
            "SM_INPUT_DIR": str(self.base / "input"),
            "SM_INPUT_CONFIG_DIR": str(self.base / "input" / "config"),
            "SM_CHANNELS": json.dumps(channels),
            "SM_HPS": json.dumps(values),
            "SM_HOSTS": json.dumps(self.resources.get("hosts", ["localhost"])),
            "SM_CURRENT_HOST": str(self.resources.get("current_host", "localhost")),
            "SM_NUM_CPUS": str(_usable_cpus()),
            "SM_NUM_GPUS": str(len(list(Path("/dev").glob("nvidia[0-9]*")))),
            "SM_RESOURCE_CONFIG": json.dumps(self.resources),
        }
        variables |= {f"SM_CHANNEL_{name.upper()}": str(self.channel(name)) for name in channels}
        return variables | {
            f"SM_HP_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }

    def _values(self) -> dict[str, object]:
        return {
            name: decode(value)
            for name, value in self.hyperparameters.items()
            if not name.startswith(_RESERVED)
        }


def _usable_cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
