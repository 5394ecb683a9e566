"""The bundle of a job that reaches no network: a file of one of its channels."""

from collections.abc import Mapping
from typing import Any

from local_mode.aws.bundles import decode_hyperparameter

SUBMIT = "sagemaker_submit_directory"
_CHANNELS = "/opt/ml/input/data/"


def with_bundle_in_s3(request: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the hyperparameters of a job, its bundle named by the address that it comes from.

    SageMaker has the channel at that path; a local process has its folders elsewhere, and bundles
    are unpacked once for all jobs.
    """
    given: Mapping[str, str] = request.get("HyperParameters", {})
    path = str(decode_hyperparameter(given.get(SUBMIT, "")))
    if not path.startswith(_CHANNELS):
        return given
    channel, _, file = path.removeprefix(_CHANNELS).partition("/")
    for one in request.get("InputDataConfig", ()):
        if one["ChannelName"] == channel:
            uri = one["DataSource"]["S3DataSource"]["S3Uri"]
            whole = uri if uri.endswith(f"/{file}") else f"{uri.rstrip('/')}/{file}"
            return {**given, SUBMIT: whole}
    return given
