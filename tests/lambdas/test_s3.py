"""Addresses in S3 and the reasons why a job could not read what stands there."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from lambdas.s3 import S3Object, archive_address, object_address, why_unreadable
from tests.lambdas.samples import BUCKET

URI = f"s3://{BUCKET}/folder/load.csv"
BUCKET_ONLY = {"Bucket": BUCKET}


@pytest.fixture
def s3(variables: dict[str, str]) -> Stubber:
    stubber = Stubber(boto3.client("s3"))
    stubber.activate()
    return stubber


def test_an_address_is_split_at_the_first_slash() -> None:
    assert S3Object.parse("s3://my-bucket/a/b c.csv") == S3Object("my-bucket", "a/b c.csv")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://b/x",
        "s3://Bucket/x",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/folder/",
        "http://bucket/x",
        "s3://bucket/a\nb",
        "s3://bucket/" + "x" * 1025,
        5,
        None,
    ],
)
def test_other_forms_are_refused(uri: object) -> None:
    with pytest.raises(ValueError, match="must be the address of an object, s3://bucket/key"):
        S3Object.parse(uri)


@given(st.text())
def test_any_text_is_split_whole_or_refused(uri: str) -> None:
    try:
        place = S3Object.parse(uri)
    except ValueError:
        return
    assert uri == f"s3://{place.bucket}/{place.key}"


def test_the_rules_return_the_address() -> None:
    assert object_address(URI) == URI
    assert archive_address("s3://bucket/x.tar.gz") == "s3://bucket/x.tar.gz"


def test_a_readable_object_gives_no_reason(s3: Stubber) -> None:
    s3.add_response("head_bucket", {"BucketRegion": "us-east-1"}, BUCKET_ONLY)
    s3.add_response("head_object", {"ContentLength": 5}, {**BUCKET_ONLY, "Key": "folder/load.csv"})
    assert why_unreadable(s3.client, URI) is None


def test_an_object_of_a_bucket_that_does_not_show_itself_may_still_be_read(s3: Stubber) -> None:
    s3.add_client_error("head_bucket", "403", http_status_code=403)
    s3.add_response("head_object", {"ContentLength": 5})
    assert why_unreadable(s3.client, URI) is None


def test_a_bucket_of_another_region_is_named_with_its_region(s3: Stubber) -> None:
    s3.add_response("head_bucket", {"BucketRegion": "eu-west-1"})
    assert why_unreadable(s3.client, URI) == (
        f"the bucket {BUCKET} is in eu-west-1, not us-east-1: copy the file to this region"
    )


@pytest.mark.parametrize(
    ("headers", "region"),
    [({"x-amz-bucket-region": "eu-north-1"}, "eu-north-1"), ({}, "another region")],
)
def test_a_redirect_means_another_region(s3: Stubber, headers: dict[str, str], region: str) -> None:
    s3.add_client_error(
        "head_bucket", "301", http_status_code=301, response_meta={"HTTPHeaders": headers}
    )
    assert f"is in {region}, not us-east-1" in str(why_unreadable(s3.client, URI))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, f"{URI} does not exist: upload the file or correct the address"),
        (403, f"{URI} may not be read: allow the workflow's roles s3:GetObject on it"),
    ],
)
def test_a_missing_or_denied_object_is_named(s3: Stubber, status: int, expected: str) -> None:
    s3.add_response("head_bucket", {})
    s3.add_client_error("head_object", str(status), http_status_code=status)
    assert why_unreadable(s3.client, URI) == expected


def test_other_faults_say_nothing_about_the_object(s3: Stubber) -> None:
    s3.add_response("head_bucket", {})
    s3.add_client_error("head_object", "503", http_status_code=503)
    with pytest.raises(ClientError):
        why_unreadable(s3.client, URI)
