"""What a job leaves in S3: model.tar.gz and output.tar.gz under `<S3OutputPath>/<job>/output`."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from local_mode.aws.archives import pack
from local_mode.aws.storage import S3Location, Storage
from local_mode.aws.training.container import Container


def upload_model(
    storage: Storage, containers: Sequence[Container], target: S3Location
) -> S3Location:
    """Pack the model folders of all hosts into one archive and upload it.

    Raises:
        StorageError: If the bucket is missing.
    """
    first = containers[0].model
    for container in containers[1:]:
        shutil.copytree(container.model, first, dirs_exist_ok=True)
    return _upload(storage, first, target.child("model.tar.gz"))


def upload_output(storage: Storage, containers: Sequence[Container], target: S3Location) -> None:
    """Pack what the hosts wrote into output/data, if they wrote anything, and upload it.

    Raises:
        StorageError: If the bucket is missing.
    """
    first = containers[0].output_data
    for container in containers[1:]:
        shutil.copytree(container.output_data, first, dirs_exist_ok=True)
    if any(path.is_file() for path in first.rglob("*")):
        _upload(storage, first, target.child("output.tar.gz"))


def _upload(storage: Storage, folder: Path, target: S3Location) -> S3Location:
    archive = folder.parent / f"upload-{target.key.rpartition('/')[2]}"
    pack(folder, archive)
    storage.upload(archive, target)
    archive.unlink()
    return target
