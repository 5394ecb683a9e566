"""Clients of the local AWS, and the variables that lead any AWS client to it and nowhere else."""

import os
from typing import TYPE_CHECKING

from local_mode.deployment import REGION

if TYPE_CHECKING:
    from botocore.client import BaseClient

# Not secrets: every client needs some pair to sign with, and nobody checks the signature.
DUMMY_KEY = "local-mode"


def client_environment(endpoint_url: str) -> dict[str, str]:
    """Return the variables with which any AWS client talks to the local AWS and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def make_client(service: str, endpoint_url: str, *, read_timeout: float = 60.0) -> "BaseClient":
    """Return a client of `service` at `endpoint_url`, whatever the environment says.

    A profile of the user's is not read: it may name a region, a proxy, or not exist.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    unset = (None, None, None, None)
    nothing = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={"profile": unset, "config_file": nothing, "credentials_file": nothing}
    )
    session = boto3.session.Session(
        aws_access_key_id=DUMMY_KEY,
        aws_secret_access_key=DUMMY_KEY,
        region_name=REGION,
        botocore_session=core,
    )
    return session.client(
        service,
        endpoint_url=endpoint_url,
        config=Config(
            connect_timeout=5,
            read_timeout=read_timeout,
            max_pool_connections=32,
            proxies={},
            retries={"mode": "standard", "total_max_attempts": 4},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
