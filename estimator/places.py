"""Where a job's bundle, inputs and results lie in S3."""

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from estimator.bundle import ARCHIVE, Bundle
from estimator.errors import EstimatorError
from estimator.inputs import TrainingInput
from estimator.session import Session, asking

_FILE, _S3 = "file://", "s3://"
STAGE_PREFIX = "jobs"
"""Where the stage's bucket has what belongs to jobs."""
_FORM = re.compile(r"s3://(?P<bucket>[^/]+)/?(?P<key>.*)")


@dataclass(frozen=True, kw_only=True)
class Places:
    """The addresses of one estimator's jobs.

    Attributes:
        bucket: What the bundle and local inputs are uploaded to.
        prefix: What their keys begin with, without a slash at its end; may be empty.
        output_path: S3 address of the results.
        folder: Folder of this machine that gets the results as well, None: none does.
        make_bucket: Whether the bucket is made where it is missing: SageMaker's default one.
        kms_key: Encrypts uploads; None: the bucket's own default does.
    """

    bucket: str
    prefix: str
    output_path: str
    folder: Path | None = None
    make_bucket: bool = False
    kms_key: str | None = None

    def source_s3_uri(self, job_name: str, bundle: Bundle) -> str:
        """Return the address of a job's bundle."""
        return bundle.s3_uri or f"{_S3}{self.bucket}/{self._key(job_name, 'source', ARCHIVE)}"

    def inputs_in_s3(
        self, job_name: str, inputs: Mapping[str, TrainingInput]
    ) -> dict[str, TrainingInput]:
        """Return the channels with the addresses that local ones have after the upload.

        Raises:
            EstimatorError: If a local one is not there.
        """
        found = {}
        for name, one in inputs.items():
            if one.s3_data.startswith(_FILE):
                _local_files(name, one.s3_data)
                key = self._key(job_name, "input", name)
                one = replace(one, s3_data=f"{_S3}{self.bucket}/{key}/")
            found[name] = one
        return found

    def upload(
        self,
        session: Session,
        job_name: str,
        bundle: Bundle,
        inputs: Mapping[str, TrainingInput],
    ) -> None:
        """Upload the bundle and the local inputs."""
        s3 = session.client("s3")
        options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}
        extra = options if self.kms_key else None
        with asking(f"upload to s3://{self.bucket}"):
            if self.make_bucket:
                _make_bucket(session, self.bucket)
            if not bundle.s3_uri:
                with tempfile.TemporaryFile() as archive:
                    bundle.pack(archive)
                    archive.seek(0)
                    key = self._key(job_name, "source", ARCHIVE)
                    s3.upload_fileobj(archive, self.bucket, key, ExtraArgs=extra)
            for name, one in inputs.items():
                if one.s3_data.startswith(_FILE):
                    for relative, path in _local_files(name, one.s3_data).items():
                        key = self._key(job_name, "input", name, relative)
                        s3.upload_file(str(path), self.bucket, key, ExtraArgs=extra)

    def _key(self, *parts: str) -> str:
        return "/".join(part for part in (self.prefix, *parts) if part)


def find_places(
    session: Session, *, output_path: str | None, code_location: str | None, kms_key: str | None
) -> Places:
    """Return the addresses that the arguments, the stage or SageMaker's convention name.

    Raises:
        EstimatorError: If one is no address, or of a local folder although the job is not local.
    """
    folder = None
    if output_path and output_path.startswith(_FILE):
        if not session.is_local:
            raise EstimatorError(
                f"output_path: {output_path} is a folder of this machine, which only "
                "instance_type='local' can write to: write s3://BUCKET/PREFIX"
            )
        folder, output_path = _writable(output_path), None
    made, prefix = False, ""
    if output_path is None:
        output_path, prefix, made = _default_place(session)
    bucket, _ = parse(output_path, "output_path")
    if code_location:
        bucket, prefix = parse(code_location, "code_location")
    return Places(
        bucket=bucket,
        prefix=prefix.strip("/"),
        output_path=output_path,
        folder=folder,
        make_bucket=made and not code_location,
        kms_key=None if code_location else kms_key,
    )


def _writable(uri: str) -> Path:
    """Return the folder of this machine that an address names, absolute.

    Raises:
        EstimatorError: If nothing can be written there, which only the end of a job would say.
    """
    folder = Path(os.path.abspath(uri.removeprefix(_FILE)))
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise EstimatorError(
            f"output_path: {there} is no folder that can be written to: write file://FOLDER with "
            "another one"
        )
    return folder


def parse(uri: str, argument: str) -> tuple[str, str]:
    """Return bucket and key of an address.

    Raises:
        EstimatorError: If it is none.
    """
    found = _FORM.fullmatch(uri)
    if not found:
        raise EstimatorError(f"{argument}: {uri!r} is no address in S3: write s3://BUCKET/PREFIX")
    return found["bucket"], found["key"]


def check_bucket(session: Session, uri: str, argument: str) -> None:
    """Check that a bucket exists and lies in the session's region.

    Raises:
        EstimatorError: If it does not. What the caller may not see passes: the role may.
    """
    from botocore.exceptions import ClientError

    bucket, _ = parse(uri, argument)
    with asking(f"{argument}: bucket {bucket}"):
        try:
            answer = session.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response
            if answer["Error"]["Code"] in ("404", "NoSuchBucket", "NotFound"):
                raise EstimatorError(
                    f"{argument}: there is no bucket {bucket}: create it, or correct the name"
                ) from None
    region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    if region and region != session.region:
        raise EstimatorError(
            f"{argument}: the bucket {bucket} lies in {region} and the job runs in "
            f"{session.region}: take a bucket of {session.region}, or a session of {region}"
        )


def _default_place(session: Session) -> tuple[str, str, bool]:
    """Return output path, prefix of uploads, and whether a missing bucket is made."""
    bucket = session.find_parameter("artifact-bucket")
    if bucket:  # whose policy lets the stage's roles read this part of it, and no other
        return f"{_S3}{bucket}/{STAGE_PREFIX}", STAGE_PREFIX, False
    return f"{_S3}sagemaker-{session.region}-{session.account()}/", "", True


def _make_bucket(session: Session, bucket: str) -> None:
    s3 = session.client("s3")
    place = {"LocationConstraint": session.region}
    # The oldest region has no name here.
    options = {} if session.region == "us-east-1" else {"CreateBucketConfiguration": place}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket, **options)


def _local_files(name: str, uri: str) -> dict[str, Path]:
    path = Path(uri.removeprefix(_FILE))
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise EstimatorError(
            f"inputs: channel {name}: there is no file at {path}: correct the path"
        )
    root = path if path.is_dir() else path.parent
    return {one.relative_to(root).as_posix(): one for one in files}
