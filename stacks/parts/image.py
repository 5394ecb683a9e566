"""Which image jobs and endpoints run."""

import hashlib
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stacks.checks.existing import IMAGE
from stacks.config import StageConfig

ROOT = Path(__file__).resolve().parents[2]
_LOCKS = ("uv", "image", "sb3", "torch")


def image_uri(config: StageConfig, repository: ecr.IRepository) -> str:
    """Return the configured image, or that of the stage's own repository.

    Its tag follows from what the image is built from, as `tools/build_image.sh --push` gives it:
    a deployment never names another image than the one that belongs to it.

    Args:
        config: The stage.
        repository: The stage's own repository.
    """
    if config.image_uri:
        return config.image_uri
    return repository.repository_uri_for_tag(
        content_tag(torch=config.image_torch, base=config.image_base)
    )


def image_repositories(
    scope: Construct, config: StageConfig, repository: ecr.IRepository
) -> list[str]:
    """Return the ARNs of the repositories that images of the stage are in.

    The stage's own one is always among them: packages and configurations of before `image_uri` was
    set name it, and what goes back to them pulls from it.

    Args:
        scope: Where the ARNs are needed.
        config: The stage.
        repository: The stage's own repository.
    """
    image = IMAGE.fullmatch(config.image_uri or "")
    if image is None:
        return [repository.repository_arn]
    other = Stack.of(scope).format_arn(
        service="ecr",
        account=image["account"],
        region=image["region"],
        resource="repository",
        resource_name=image["repository"],
    )
    return [repository.repository_arn, other]


def content_tag(*, torch: str, base: str, root: Path = ROOT) -> str:
    """Return what `tools/build_image.sh --print-tag` prints.

    Args:
        torch: As `--torch`.
        base: As `--base`; empty for the Dockerfile's own.
        root: The checkout.
    """
    files = [f"requirements/{name}.txt" for name in _LOCKS]
    for path in (root / "image").rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and "__pycache__" not in relative.parts:
            files.append(relative.as_posix())
    lines = [
        f"{hashlib.sha256((root / it).read_bytes()).hexdigest()}  {it}\n" for it in sorted(files)
    ]
    text = "".join(lines) + f"{base} {torch}\n"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
