"""Jobs of SageMaker SDK version 3: the request brings the program's start along, as a channel.

Its ContainerEntrypoint bypasses what the image would start, and runs scripts of the channel
`sm_drivers`. Here they run as they are, but for one thing: they name /opt/ml, which on this machine
is the job's folder, so that name is replaced in them.
"""

import re
from pathlib import Path

from local_mode.aws.protocol import Document
from local_mode.aws.training.container import Container

_CHANNEL = "sm_drivers"
_OPT_ML = re.compile(r"/opt/ml(?![\w.-])")


def brings_drivers(request: Document) -> bool:
    """Tell whether a CreateTrainingJob request is one whose entry point can run here."""
    return "ContainerEntrypoint" in request["AlgorithmSpecification"] and any(
        channel["ChannelName"] == _CHANNEL for channel in request.get("InputDataConfig", [])
    )


def driver_command(container: Container, links: Path) -> list[str]:
    """Return the command of the request for one host, its scripts made ready.

    Args:
        container: The tree of the host, its channels filled.
        links: A folder for the name under which the scripts find the tree: they do not quote
            paths, and that of the tree may hold a space.
    """
    link = links / container.base.name
    link.symlink_to(container.base, target_is_directory=True)
    for path in container.channel(_CHANNEL).rglob("*"):
        if path.suffix in (".py", ".sh"):
            path.write_text(_re_root(path.read_text("utf-8"), link), "utf-8")
    specification = container.request["AlgorithmSpecification"]
    words = [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
    return [_re_root(word, link) for word in words]


def _re_root(text: str, base: Path) -> str:
    return _OPT_ML.sub(lambda _: str(base), text)
