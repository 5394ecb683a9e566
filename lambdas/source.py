"""The training bundle in the stage's own bucket, where jobs, packages and endpoints name it."""

from botocore.exceptions import ClientError

from lambdas.aws import Client
from lambdas.errors import ConfigurationError
from lambdas.s3 import S3Object, status_of


def keep_source(s3: Client, uri: str, *, sha256: str, bucket: str) -> str:
    """Copy the deployed bundle into the stage's bucket, unless it is there already.

    What an endpoint names must be there as long as the endpoint. The CDK's bucket promises that
    for the newest deployment alone, and `cdk gc` takes it at its word.

    Args:
        s3: The client.
        uri: Where the deployment put the bundle.
        sha256: The sum of its content, which names the copy: executions at once write the same.
        bucket: The stage's bucket.

    Returns:
        The copy's address.

    Raises:
        ConfigurationError: There is neither a copy nor what could be copied.
    """
    key = f"source/{sha256}/sourcedir.tar.gz"
    kept = f"s3://{bucket}/{key}"
    if not _exists(s3, bucket, key):
        place = S3Object.parse(uri)
        try:
            # Without its tags, which take rights of their own; the bucket encrypts by its default.
            s3.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": place.bucket, "Key": place.key},
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            # S3 answers 403 for what is missing to whoever may not list the bucket.
            if status_of(error) not in (403, 404):
                raise
            raise ConfigurationError(
                f"The training bundle cannot be copied from {uri} to {kept} "
                f"({error.response['Error'].get('Code')}): it is missing, or prepare may not read "
                "it. Deploy it again."
            ) from error
    return kept


def _exists(s3: Client, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if status_of(error) != 404:
            raise
        return False
    return True
