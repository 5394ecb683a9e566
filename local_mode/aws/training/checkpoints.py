"""The checkpoint folder of a job, kept equal to CheckpointConfig.S3Uri while the job runs."""

from pathlib import Path

from local_mode.aws.storage import S3Location, Storage, StorageError

_Stamp = tuple[int, int]


class CheckpointSync:
    """Restores the folder before the job and uploads whatever changes in it, deleting nothing."""

    def __init__(self, storage: Storage, folder: Path, location: S3Location) -> None:
        self._storage = storage
        self._folder = folder
        # A prefix without a slash would also match the objects of a job whose name is longer.
        self._location = S3Location(location.bucket, f"{location.key.rstrip('/')}/")
        self._known: dict[Path, _Stamp] = {}

    def restore(self) -> None:
        """Fill the folder with what an earlier job left.

        Raises:
            StorageError: If the bucket is missing.
        """
        self._storage.require_bucket(self._location)
        self._storage.download_prefix(self._location, self._folder)
        self._known = self._stamps()

    def push(self) -> None:
        """Upload the files that changed since the last call.

        Raises:
            StorageError: If an upload fails for another reason than the file having gone.
        """
        for path, stamp in self._stamps().items():
            if self._known.get(path) == stamp:
                continue
            target = self._location.child(path.relative_to(self._folder).as_posix())
            try:
                self._storage.upload(path, target)
            except StorageError:
                # A temporary file of an atomic write is gone before it can be uploaded.
                if path.exists():
                    raise
                continue
            self._known[path] = stamp

    def _stamps(self) -> dict[Path, _Stamp]:
        stamps = {}
        for path in sorted(self._folder.rglob("*")):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                stamps[path] = (status.st_mtime_ns, status.st_size)
        return stamps
