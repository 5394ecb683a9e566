"""What the tests of the first state and of its parts share: the state as a call."""

from typing import Any

from lambdas.prepare import handler
from tests.lambdas.samples import BUCKET

LOAD = f"s3://{BUCKET}/loads/load.csv"


def run(document: object, name: str | None = "run-1") -> Any:
    """Return what the later states get to read."""
    return handler({"execution_name": name, "input": document}, None)
