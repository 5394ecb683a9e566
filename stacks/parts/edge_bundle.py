"""The program of the edge component as an archive, for whoever makes a version of it."""

import json
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "edge_src" / "configuration.json"


class EdgeBundle(Construct):
    """`edge_src/` packed, as an asset of the deployment; its members begin with the folder's name.

    Attributes:
        s3_uri: Address of the archive.
        object_arn: ARN of the archive, for whoever may read it.
        bucket_arn: ARN of the CDK's bucket that it lies in.
        object_key: Its key.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        if not CONFIGURATION.is_file():
            raise ConfigError("edge_src/configuration.json: is missing; restore it")
        asset = assets.Asset(
            self,
            "Archive",
            path=str(ROOT),
            exclude=["*", "!edge_src", "!edge_src/**", "**/__pycache__", "**/.*"],
            ignore_mode=IgnoreMode.GIT,
        )
        self.s3_uri = asset.s3_object_url
        self.object_key = asset.s3_object_key
        self.object_arn = asset.bucket.arn_for_objects(self.object_key)
        self.bucket_arn = asset.bucket.bucket_arn


def summary_seconds() -> float:
    """Return after how many seconds a device reports again, unless it is configured otherwise."""
    return float(json.loads(CONFIGURATION.read_text())["Telemetry"]["interval_seconds"])
