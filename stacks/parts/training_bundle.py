"""The training bundle as SageMaker wants it: one sourcedir.tar.gz, the same bytes everywhere."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import AssetHashType
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "training_src"
_LEFT_OUT = frozenset({"__pycache__", ".DS_Store", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


class TrainingBundle(Construct):
    """`training_src` packed, as an asset of the deployment.

    Attributes:
        s3_uri: Address of the archive.
        sha256: The sum of its content, in hexadecimal digits.
        object_arn: ARN of the archive, for whoever may read it.
    """

    def __init__(self, scope: Construct, id_: str, *, source: Path = SOURCE) -> None:
        super().__init__(scope, id_)
        content = tar_gz(source)
        self.sha256 = hashlib.sha256(content).hexdigest()
        with TemporaryDirectory() as folder:  # the asset is copied when it is made
            path = Path(folder) / "sourcedir.tar.gz"
            path.write_bytes(content)
            asset = assets.Asset(
                self,
                "Archive",
                path=str(path),
                asset_hash=self.sha256,
                asset_hash_type=AssetHashType.CUSTOM,
            )
        self.s3_uri = asset.s3_object_url
        self.object_arn = asset.bucket.arn_for_objects(asset.s3_object_key)


def metric_definitions(source: Path = SOURCE) -> str:
    """Return training_src/metrics.json as one line."""
    return json.dumps(json.loads((source / "metrics.json").read_text()), separators=(",", ":"))


def tar_gz(folder: Path) -> bytes:
    """Return the files of a folder as a gzip tar with sorted names, without times and owners."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, path in _files(folder):
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                archive.addfile(member, content)
    return raw.getvalue()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*"), key=lambda it: it.relative_to(folder).as_posix()):
        relative = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT.intersection(relative.parts):
            yield relative.as_posix(), path
