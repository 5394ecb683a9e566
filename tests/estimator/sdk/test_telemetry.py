"""Both SDKs report every use to AWS unless they are told not to: the watch sees it."""

import pytest

from tests.estimator.sdk.cases import SOURCE, cases
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE

pytestmark = pytest.mark.slow

SETTINGS = {
    "sdk_v2": {"bucket": BUCKET, "cases": {"plain": cases(SOURCE)["plain"]}},
    "sdk_v3": {
        "bucket": BUCKET,
        "base_job_name": "v3",
        "hyperparameters": {"preset": "smoke"},
        "image_uri": IMAGE,
        "metrics": [],
        "role": ROLE,
        "source_s3_uri": SOURCE,
    },
}
COMMANDS = {"sdk_v2": "capture", "sdk_v3": "dry"}


@pytest.mark.parametrize("sdk", ["sdk_v2", "sdk_v3"])
def test_the_defaults_file_switches_the_telemetry_off(drive, sdk, tmp_path):
    assert drive(sdk, COMMANDS[sdk], SETTINGS[sdk])["refused"] == []
    # Without it the same use is reported, which shows that the watch would have seen it.
    defaults = tmp_path / "defaults.yaml"
    defaults.write_text("SchemaVersion: '1.0'\n")
    names = ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE")
    variables = dict.fromkeys(names, str(defaults))
    reported = drive(sdk, COMMANDS[sdk], SETTINGS[sdk], **variables)["refused"]
    assert reported
    assert all(host.startswith("sm-pysdk-t-") for host in reported), reported
