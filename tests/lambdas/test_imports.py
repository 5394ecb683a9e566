"""The handlers start where there is nothing but Python and boto3."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
for name in ("aws_cdk", "moto", "numpy", "sagemaker", "autoscaling_rl"):
    sys.modules[name] = None
before = dict(__import__("os").environ)
for name in (
    "prepare", "gate", "register", "deploy", "smoke_test", "decide", "clean_up",
    "edge_publish", "edge_deploy", "edge_follow",
):
    module = __import__(f"lambdas.{name}", fromlist=["handler"])
    assert callable(module.handler)
assert dict(__import__("os").environ) == before
"""


def test_every_handler_is_imported_without_settings_and_heavy_packages() -> None:
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
