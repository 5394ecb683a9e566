"""Objects of S3: their addresses, their bytes, and whether a job of this region could read them."""

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.archive import Readable
from lambdas.aws import Client
from lambdas.errors import WorkflowError

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f\x7f]{0,1023}[^/])")


@dataclass(frozen=True)
class S3Object:
    """One object's place in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: object) -> "S3Object":
        """Split an address of the form `s3://bucket/key`.

        Raises:
            ValueError: The address has another form or names a folder.
        """
        match = _ADDRESS.fullmatch(uri) if isinstance(uri, str) else None
        if match is None:
            raise ValueError("must be the address of an object, s3://bucket/key")
        return cls(*match.groups())


def object_address(value: object) -> str:
    """Accept the address of an object as it stands; a rule for `lambdas.validation`."""
    S3Object.parse(value)
    return str(value)


def archive_address(value: object) -> str:
    """Accept the address of a tar.gz; a rule for `lambdas.validation`."""
    if not object_address(value).endswith(".tar.gz"):
        raise ValueError("must be the address of a model.tar.gz, s3://bucket/.../model.tar.gz")
    return str(value)


def table_address(value: object) -> str:
    """Accept the address of a CSV file; a rule for `lambdas.validation`."""
    if not object_address(value).endswith(".csv"):
        raise ValueError("must be the address of a .csv file, as the jobs read it: s3://bucket/...")
    return str(value)


def open_object(s3: Client, uri: str) -> Readable:
    """Return the bytes of an object as a stream.

    Args:
        s3: The client.
        uri: A valid address.

    Raises:
        ClientError: It is not there or may not be read.
    """
    place = S3Object.parse(uri)
    body: Readable = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"]
    return body


def open_existing(s3: Client, uri: str, *, absent: WorkflowError) -> Readable:
    """Return the bytes of an object as a stream, or raise `absent` where there is none.

    S3 tells that there is none only to a role that may list the bucket.
    """
    try:
        return open_object(s3, uri)
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchKey":
            raise
        raise absent from error


def put_new(s3: Client, uri: str, content: bytes) -> bool:
    """Write an object; return False if another one lies there, which stays as it is.

    Raises:
        ClientError: It may not be written.
    """
    place = S3Object.parse(uri)
    try:
        s3.put_object(Bucket=place.bucket, Key=place.key, Body=content, IfNoneMatch="*")
    except ClientError as error:
        if status_of(error) not in (409, 412):
            raise
        # A call that was cut off after this has written the same before.
        return status_of(error) == 412 and open_object(s3, uri).read() == content
    return True


def why_unreadable(s3: Client, uri: str) -> str | None:
    """Say why a training job could not read an object, or None when nothing stands against it.

    Args:
        s3: The client; its region is the region of the jobs, which read no other.
        uri: A valid address.

    Raises:
        ClientError: For faults that say nothing about the object, such as throttling.
    """
    place = S3Object.parse(uri)
    try:
        region = s3.head_bucket(Bucket=place.bucket).get("BucketRegion")
        if region and region != s3.meta.region_name:
            return _elsewhere(place, region, s3.meta.region_name)
    except ClientError as error:
        # A bucket of another account may give its objects away and yet not let itself be looked at.
        if status_of(error) != 403:
            return _reason(error, place, f"the bucket {place.bucket}", s3.meta.region_name)
    try:
        size = s3.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"]
    except ClientError as error:
        return _reason(error, place, uri, s3.meta.region_name)
    return None if size else f"{uri} is empty: upload it again"


def _reason(error: ClientError, place: S3Object, what: str, wanted: str) -> str:
    status = status_of(error)
    if status == 404:
        return f"{what} does not exist: upload the file or correct the address"
    if status == 403:
        return f"{what} may not be read: allow the workflow's roles s3:GetObject on it"
    if status in (301, 400):
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region", "another region")
        return _elsewhere(place, region, wanted)
    raise error


def _elsewhere(place: S3Object, region: str, wanted: str) -> str:
    return f"the bucket {place.bucket} is in {region}, not {wanted}: copy the file to this region"


def status_of(error: ClientError) -> int:
    """Return the HTTP status of S3's answer, 0 without one."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
