"""The emulated Greengrass beside moto, for executions that go on to devices.

It is the same emulator as in local mode, on HTTP; its S3 and its registry of things are moto's.
"""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from local_mode.aws.protocol import AwsError, Response, error_response, json_response
from local_mode.aws.rest import RestRequest
from local_mode.aws.storage import S3Location, Storage, StorageError
from local_mode.greengrass.service import Greengrass

EMULATED = "emulated"
"""How the names of the emulator's threads begin: what they call is no call of the workflow's."""

_SERVICE = re.compile(r"/([a-z-]+)/aws4_request")
_GROUP = re.compile(r"/thing-groups/([^/]+)")


def edge_bundle() -> bytes:
    """Return the component's program, as far as a version needs it."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("edge_src/configuration.json", json.dumps({"limit": 0.5}))
        archive.writestr("edge_src/main.py", "")
    return raw.getvalue()


def _motos(service: str) -> Any:
    # An address of its own: the variable leads to this emulator.
    return boto3.client(service, endpoint_url=f"https://{service}.us-east-1.amazonaws.com")


class _Storage(Storage):
    """Reads in the caller's own thread, so that the recorder knows whose call it is."""

    def __init__(self, s3: Any) -> None:
        super().__init__(s3)
        self._s3 = s3

    def download(self, source: S3Location, target: Path) -> None:
        try:
            body = self._s3.get_object(Bucket=source.bucket, Key=source.key)["Body"]
        except ClientError as error:
            raise StorageError(str(error)) from error
        target.write_bytes(body.read())


class _Application:
    def __init__(self) -> None:
        self._iot = _motos("iot")
        settings: Any = SimpleNamespace(client=lambda service: self._iot)
        self._greengrass = Greengrass(settings, _Storage(boto3.client("s3")))

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        request = RestRequest(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=parse_qs(environ.get("QUERY_STRING", "")),
            body=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
        )
        found = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        try:
            response = self._greengrass.answer(found[1] if found else "", request)
            response = response or self._answer_iot(request)
        except AwsError as error:
            response = error_response(error)
        phrase = HTTPStatus(response.status).phrase
        start(f"{response.status} {phrase}", list(response.headers.items()))
        return [response.body]

    def _answer_iot(self, request: RestRequest) -> Response:
        group = _GROUP.fullmatch(request.path)
        assert group, f"{request.method} {request.path}"
        try:
            found = self._iot.describe_thing_group(thingGroupName=group[1])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise AwsError(code, str(error), status=404) from None
        return json_response({"thingGroupName": found["thingGroupName"]})


@contextmanager
def emulated_greengrass(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lead boto3's clients of Greengrass and IoT to an emulator, inside moto's account."""
    server = make_server("127.0.0.1", 0, _Application())
    thread = threading.Thread(target=server.serve_forever, name=EMULATED, daemon=True)
    thread.start()
    for service in ("GREENGRASSV2", "IOT"):
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
