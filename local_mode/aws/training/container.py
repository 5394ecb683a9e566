"""What a SageMaker training container finds: the tree of /opt/ml and the SM_ variables."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_mode.aws.bundles import decode_hyperparameter
from local_mode.aws.protocol import Document
from local_mode.deployment import REGION

# CheckpointConfig.LocalPath counts from here; the tree itself is rooted in a fresh folder.
_OPT_ML = "/opt/ml/"


@dataclass(frozen=True)
class Container:
    """The tree of one host of one job.

    Attributes:
        base: The folder that stands for /opt/ml.
        request: The CreateTrainingJob request.
        host: The name of this host.
        hosts: The names of all hosts.
        port: A free port for them to meet at, unlike on real instances; 0: none.
    """

    base: Path
    request: Document
    host: str
    hosts: tuple[str, ...]
    port: int = 0

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.base / "model"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.base / "output" / "data"

    @property
    def failure(self) -> Path:
        """Where the program says why it failed."""
        return self.base / "output" / "failure"

    @property
    def checkpoints(self) -> Path:
        """The folder that is kept equal to CheckpointConfig.S3Uri."""
        path = str(self.request.get("CheckpointConfig", {}).get("LocalPath", ""))
        return self.base / path.removeprefix(_OPT_ML) if path else self.base / "checkpoints"

    def channel(self, name: str) -> Path:
        """Return the folder of an input channel."""
        return self.base / "input" / "data" / name

    def prepare(self) -> None:
        """Make the folders and write the three files of input/config."""
        config = self.base / "input" / "config"
        for folder in (config, self.model, self.output_data, self.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        files = {
            "hyperparameters": self.request.get("HyperParameters", {}),
            "resourceconfig": self._resources(),
            "inputdataconfig": self._inputs(),
        }
        for name, content in files.items():
            (config / f"{name}.json").write_text(json.dumps(content))

    def environment(self, base: Mapping[str, str], kernel_cache: Path) -> dict[str, str]:
        """Return the environment of the training program."""
        hyperparameters = {
            key: decode_hyperparameter(value)
            for key, value in self.request.get("HyperParameters", {}).items()
            if not key.startswith("sagemaker_")
        }
        channels = [channel["ChannelName"] for channel in self.request.get("InputDataConfig", [])]
        variables = {
            "SAGEMAKER_BASE_DIR": str(self.base),
            "TRAINING_JOB_NAME": self.request["TrainingJobName"],
            "AWS_REGION": REGION,
            "SM_MODEL_DIR": str(self.model),
            "SM_OUTPUT_DIR": str(self.output_data.parent),
            "SM_OUTPUT_DATA_DIR": str(self.output_data),
            "SM_INPUT_DIR": str(self.base / "input"),
            "SM_INPUT_CONFIG_DIR": str(self.base / "input" / "config"),
            "SM_CHANNELS": json.dumps(sorted(channels)),
            "SM_HPS": json.dumps(hyperparameters),
            "SM_HOSTS": json.dumps(self.hosts),
            "SM_CURRENT_HOST": self.host,
            "SM_NUM_CPUS": str(_usable_cpus()),
            "SM_NUM_GPUS": str(len(list(Path("/dev").glob("nvidia[0-9]*")))),
            "SM_RESOURCE_CONFIG": json.dumps(self._resources()),
            "NUMBA_CACHE_DIR": str(kernel_cache),
        }
        variables |= {f"SM_CHANNEL_{name.upper()}": str(self.channel(name)) for name in channels}
        variables |= {
            f"SM_HP_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in hyperparameters.items()
        }
        if self.port:  # other jobs of this machine meet as well
            variables["MASTER_PORT"] = str(self.port)
        return {**base, **variables, **self.request.get("Environment", {})}

    def _resources(self) -> Document:
        instance_type = self.request["ResourceConfig"].get("InstanceType", "local")
        group = {
            "instance_group_name": "homogeneousCluster",
            "instance_type": instance_type,
            "hosts": list(self.hosts),
        }
        return {
            "current_host": self.host,
            "current_instance_type": instance_type,
            "current_group_name": "homogeneousCluster",
            "hosts": list(self.hosts),
            "instance_groups": [group],
            "network_interface_name": "lo",
        }

    def _inputs(self) -> Document:
        return {
            channel["ChannelName"]: {
                "TrainingInputMode": "File",
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in self.request.get("InputDataConfig", [])
        }


def _usable_cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
