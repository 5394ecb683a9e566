"""The bundle of an execution: copied once into the stage's bucket, and named when it cannot be."""

from collections.abc import Callable

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.errors import ConfigurationError, InvalidInput
from tests.lambdas.preparing import LOAD, run
from tests.lambdas.samples import ASSET, BUCKET, BUNDLE, SOURCE


@pytest.mark.usefixtures("account")
def test_a_missing_bundle_is_the_deployments_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_S3_URI", f"s3://{BUCKET}/gone.gz")
    with pytest.raises(ConfigurationError) as caught:
        run({})
    assert str(caught.value) == (
        f"The training bundle cannot be copied from s3://{BUCKET}/gone.gz to {SOURCE} (NoSuchKey): "
        "it is missing, or prepare may not read it. Deploy it again."
    )


def test_a_bundle_is_kept_once_and_outlives_what_the_deployment_put(
    put: Callable[[str, bytes], None],
) -> None:
    s3 = boto3.client("s3")
    kept = {"Bucket": BUCKET, "Key": SOURCE.removeprefix(f"s3://{BUCKET}/")}
    assert run({})["source"] == {"s3_uri": SOURCE}
    first = s3.get_object(**kept)
    assert first["Body"].read() == BUNDLE
    # Were it copied again, the copy would have what lies there now.
    put(ASSET, b"other")
    assert run({}, "run-2")["source"] == {"s3_uri": SOURCE}
    bucket, _, key = ASSET.removeprefix("s3://").partition("/")
    s3.delete_object(Bucket=bucket, Key=key)
    assert run({}, "run-3")["source"] == {"s3_uri": SOURCE}
    assert s3.get_object(**kept)["Body"].read() == BUNDLE


@pytest.mark.usefixtures("account")
def test_a_mistake_in_the_input_copies_nothing() -> None:
    with pytest.raises(InvalidInput):
        run({"load": {"s3_uri": LOAD}})
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)


@pytest.mark.usefixtures("variables")
def test_a_bundle_that_may_not_be_read_is_named_and_no_tag_is_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3 = boto3.client("s3")
    monkeypatch.setattr("lambdas.prepare.client", lambda _: s3)
    bucket, _, key = ASSET.removeprefix("s3://").partition("/")
    request = {
        "Bucket": BUCKET,
        "Key": SOURCE.removeprefix(f"s3://{BUCKET}/"),
        "CopySource": {"Bucket": bucket, "Key": key},
        "TaggingDirective": "REPLACE",
    }
    with Stubber(s3) as stubber:
        stubber.add_client_error("head_object", "404", http_status_code=404)
        stubber.add_client_error(
            "copy_object", "AccessDenied", http_status_code=403, expected_params=request
        )
        with pytest.raises(ConfigurationError, match=rf"from {ASSET} to .*\(AccessDenied\).*again"):
            run({})
