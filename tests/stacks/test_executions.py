"""Executions of the definition: real handlers, moto's interpreter, S3 and SageMaker of moto."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from tests.lambdas.conftest import (  # noqa: F401 fixtures
    artifact_files,
    make_artifact,
    manifest,
    pack,
    scorecard,
    variables,
)
from tests.lambdas.samples import BUCKET, VARIABLES, Files, golden_actions
from tests.stacks.interpreter import Cloud, Machine, connect, failure

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
LOAD = f"s3://{BUCKET}/load.csv"
CHECKPOINT = f"s3://{BUCKET}/old/model.tar.gz"
