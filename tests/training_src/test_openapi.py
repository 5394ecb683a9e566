"""The OpenAPI document is true: what it allows is answered as it says, and nothing is a fault."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autoscaling_rl.controller.state import KEYS, LONGEST_LOAD
from autoscaling_rl.serving.application import DESCRIPTION
from autoscaling_rl.serving.requests import LARGEST_BODY
from tests.training_src.endpoints import autoscaling_artifact, cartpole_artifact, serving, state

DOCUMENT = json.loads(DESCRIPTION.read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
# At least 200 requests in `make test`, 2,000 in `make verify`.
MANY = settings(
    max_examples=max(220, 2 * settings().max_examples),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with serving(autoscaling_artifact(tmp_path_factory.mktemp("openapi") / "model")) as running:
        running.wait_for("model verified")
        yield running


@SCHEMA.parametrize()
@MANY
def test_every_request_is_answered_as_the_document_says(endpoint, case):
    case.call_and_validate(base_url=f"http://127.0.0.1:{endpoint.port}", checks=CHECKS)


def test_the_document_is_served(endpoint):
    status, headers, answer = endpoint.ask("GET", "/openapi.json")
    assert (status, headers["content-type"], answer) == (200, "application/json", DOCUMENT)


def test_the_document_names_every_key_and_limit():
    schemas = DOCUMENT["components"]["schemas"]
    assert tuple(schemas["State"]["properties"]) == KEYS
    assert schemas["State"]["properties"]["load"]["maxItems"] == LONGEST_LOAD
    responses = DOCUMENT["paths"]["/invocations"]["post"]["responses"]
    assert f"{LARGEST_BODY >> 20} MB" in responses["413"]["description"]
    assert set(responses) == {"200", "400", "408", "413", "415", "503"}


def test_the_examples_are_answered(endpoint, tmp_path):
    body = DOCUMENT["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    examples = {name: each["value"] for name, each in body["examples"].items()}
    status, answer = endpoint.invoke(examples["states"])
    assert (status, len(answer["desired"])) == (200, 1)
    with serving(cartpole_artifact(tmp_path / "model")) as other:
        other.wait_for("model verified")
        assert other.invoke(examples["observations"])[0] == 200


# Each limit of the document, tried on either side.
@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        (key, schema["minimum"], schema["minimum"] - 1)
        for key, schema in DOCUMENT["components"]["schemas"]["State"]["properties"].items()
        if "minimum" in schema
    ]
    + [
        (key, schema["maximum"], schema["maximum"] + max(1, schema["maximum"] * 1e-9))
        for key, schema in DOCUMENT["components"]["schemas"]["State"]["properties"].items()
        if "maximum" in schema and key != "min_machines"
    ],
)
def test_the_limits_are_those_of_the_document(endpoint, key, inside, outside):
    rest = {"pending": []} if key == "active" else {}
    assert endpoint.invoke({"states": [state(**{key: inside, **rest})]})[0] == 200
    status, answer = endpoint.invoke({"states": [state(**{key: outside, **rest})]})
    assert (status, answer["error"]["field"]) == (400, f"states[0].{key}")
