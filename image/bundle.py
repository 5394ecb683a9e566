"""Finds the bundle that a request names, and the program in it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from image import s3
from image.archive import unpack
from image.errors import CommandError
from image.tree import OPT_ML


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a request says of the bundle, and how to say it right.

    Attributes:
        base: The folder that stands for /opt/ml.
        channel: Where SageMaker puts the bundle when it is a channel; need not be there.
        program: The program, relative to the bundle; may be empty.
        submitted: The bundle's address or folder; may be empty.
        program_setting: What the request calls `program`.
        submitted_setting: What the request calls `submitted`.
        channel_setting: What the request calls `channel`.
        example: A program, for the message to who named none.
    """

    base: Path
    channel: Path
    program: str
    submitted: str
    program_setting: str
    submitted_setting: str
    channel_setting: str
    example: str


def find_bundle(request: Request) -> Path:
    """Return the folder that holds the bundle and the program.

    The channel comes first: with network isolation it is the only way.

    Raises:
        CommandError: With what to set, if the request names no program or none that can be had.
    """
    if not request.program:
        raise CommandError(
            f"{request.program_setting} names no program: set it to a file of the bundle, such as "
            f"{request.example}"
        )
    if request.channel.is_dir() and any(request.channel.iterdir()):
        folder, where = _from_channel(request), request.channel_setting
    elif request.submitted:
        folder, where = _submitted(request), f"{request.submitted_setting} {request.submitted}"
    else:
        raise CommandError(
            f"nothing says where the bundle is: set {request.submitted_setting} to "
            f"s3://BUCKET/sourcedir.tar.gz, or add {request.channel_setting}"
        )
    entry = folder / request.program
    if not entry.resolve().is_relative_to(folder.resolve()) or not entry.is_file():
        raise CommandError(
            f"{where} holds no {request.program}: set {request.program_setting} to a file of the "
            "bundle, relative to its root"
        )
    return folder


def _from_channel(request: Request) -> Path:
    if (request.channel / request.program).is_file():
        return request.channel
    # An asset of the CDK is named by its hash, and keeps only the .gz of the ending.
    archives = [path for path in request.channel.iterdir() if path.suffix in (".gz", ".tgz")]
    if len(archives) != 1:
        raise CommandError(
            f"{request.channel_setting} holds neither {request.program} nor exactly one archive: "
            "put the files of the bundle into it, or sourcedir.tar.gz"
        )
    return _unpacked(request.base, archives[0], f"{request.channel_setting}, {archives[0].name}")


def _submitted(request: Request) -> Path:
    place = s3.parse(request.submitted)
    if place is not None:
        return _downloaded(request, *place)
    path = Path(request.submitted.removeprefix("file://"))
    if not path.is_absolute():
        raise CommandError(
            f"{request.submitted_setting} is {request.submitted!r}: write "
            "s3://BUCKET/sourcedir.tar.gz or an absolute path"
        )
    # What a request calls /opt/ml is elsewhere when the tree is re-rooted.
    if path.is_relative_to(OPT_ML):
        path = request.base / path.relative_to(OPT_ML)
    if path.is_dir():
        return path
    if not path.is_file():
        raise CommandError(f"{request.submitted_setting}: there is no {path}; name a bundle's path")
    return _unpacked(request.base, path, str(path))


def _downloaded(request: Request, bucket: str, key: str) -> Path:
    with tempfile.TemporaryDirectory(prefix="bundle-") as workspace:
        archive = Path(workspace) / "sourcedir.tar.gz"
        try:
            s3.download(bucket, key, archive)
        except CommandError as error:
            raise CommandError(
                f"cannot fetch {request.submitted}: let the role read it and its key, and the "
                "container reach S3; with network isolation add "
                f"{request.channel_setting} instead ({error})"
            ) from error
        return _unpacked(request.base, archive, request.submitted)


def _unpacked(base: Path, archive: Path, name: str) -> Path:
    folder = _writable(base / "code")
    try:
        unpack(archive, folder)
    except CommandError as error:
        raise CommandError(f"{name} is no bundle that can be used: {error}") from error
    return folder


def _writable(folder: Path) -> Path:
    """Return `folder`, or another where nothing can be written, as on serverless endpoints."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="code-"))
