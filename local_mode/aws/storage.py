"""Objects in the local S3, and the two forms in which SageMaker requests name them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

_FORMS = (
    re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<key>.*))?"),
    re.compile(
        r"https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?P<bucket>[^/]+)(?:/(?P<key>.*))?"
    ),
    re.compile(
        r"https://(?P<bucket>[^/]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?(?:/(?P<key>.*))?"
    ),
)


class StorageError(Exception):
    """A transfer that failed; the text is S3's own, as job descriptions repeat it."""


@dataclass(frozen=True)
class S3Location:
    """A bucket and a key, or the start of one."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Location":
        """Read `s3://bucket/key` or one of the https forms.

        Raises:
            StorageError: If the text is neither.
        """
        for form in _FORMS:
            found = form.fullmatch(uri)
            if found:
                return cls(found["bucket"], found["key"] or "")
        raise StorageError(f"{uri} is no S3 URI: write s3://bucket/key")

    @property
    def uri(self) -> str:
        """The `s3://` form."""
        return f"s3://{self.bucket}/{self.key}"

    def child(self, name: str) -> "S3Location":
        """Return the location of `name` under this one."""
        prefix = f"{self.key.rstrip('/')}/" if self.key.strip("/") else ""
        return S3Location(self.bucket, f"{prefix}{name}")


class Storage:
    """Transfers between the local S3 and folders."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def require_bucket(self, location: S3Location) -> None:
        """Check that the bucket exists.

        Raises:
            StorageError: If it does not.
        """
        try:
            self._client.head_bucket(Bucket=location.bucket)
        except (ClientError, BotoCoreError) as error:
            raise StorageError("NoSuchBucket (404): The specified bucket does not exist") from error

    def exists(self, location: S3Location) -> bool:
        """Tell whether the object exists."""
        try:
            self._client.head_object(Bucket=location.bucket, Key=location.key)
        except (ClientError, BotoCoreError):
            return False
        return True

    def download(self, source: S3Location, target: Path) -> None:
        """Copy one object into a file.

        Raises:
            StorageError: If the object or its bucket is missing.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._client.download_file(source.bucket, source.key, str(target))
        except (ClientError, BotoCoreError) as error:
            raise StorageError(self._reason(source, error)) from error

    def download_prefix(
        self, source: S3Location, folder: Path, *, shard: tuple[int, int] = (0, 1)
    ) -> list[Path]:
        """Copy every object whose key starts with the location's into `folder`.

        Keys keep what follows the last slash of the prefix, or of the prefix as a folder. With
        `shard` (i, n) only each n-th key is copied, starting with the i-th.

        Raises:
            StorageError: If the bucket is missing, or a key would leave the folder.
        """
        files = []
        for key in sorted(self._keys(source))[shard[0] :: shard[1]]:
            name = _relative_name(source.key, key)
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise StorageError(f"the key {key} leaves its folder")
            self.download(S3Location(source.bucket, key), folder / name)
            files.append(folder / name)
        return files

    def upload(self, source: Path, target: S3Location) -> None:
        """Copy one file into an object.

        Raises:
            StorageError: If the bucket is missing.
        """
        try:
            self._client.upload_file(str(source), target.bucket, target.key)
        except Exception as error:  # boto3 wraps what S3 said in an exception class of its own
            raise StorageError(self._reason(target, error)) from error

    def _keys(self, source: S3Location) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=source.bucket, Prefix=source.key):
                for item in page.get("Contents", []):
                    if not item["Key"].endswith("/"):
                        yield item["Key"]
        except (ClientError, BotoCoreError) as error:
            raise StorageError(self._reason(source, error)) from error

    @staticmethod
    def _reason(location: S3Location, error: Exception) -> str:
        text = str(error)
        if "NoSuchBucket" in text:
            return f"NoSuchBucket (404): The specified bucket does not exist: {location.bucket}"
        if "404" in text or "NoSuchKey" in text:
            return f"NoSuchKey (404): The specified key does not exist: {location.uri}"
        return f"{location.uri}: {text}"


def _relative_name(prefix: str, key: str) -> str:
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    if prefix and key.startswith(folder):
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]
