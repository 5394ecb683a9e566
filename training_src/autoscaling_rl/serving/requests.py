"""HTTP requests to the endpoint, checked before anything is computed, and answers to them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from autoscaling_rl.controller.inference import error_body

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

LARGEST_BODY = 6 << 20
# A client that has announced more than this is cut off: the rest of its body is not even discarded.
LARGEST_DISCARDED = 64 << 20
_FRAMING = {b"content-length", b"transfer-encoding", b"expect", b"upgrade"}
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


class Disconnected(Exception):
    """The client has gone before its request was complete."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with a JSON body."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def answer_in_json(status: int, body: object) -> Answer:
    """Return an answer with a body as JSON."""
    return Answer(status, orjson.dumps(body))


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None,
        *headers: tuple[bytes, bytes],
    ) -> None:
        super().__init__(message)
        error = answer_in_json(status, error_body(code, message, field))
        self.answer = replace(error, headers=headers)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer as two ASGI messages."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def check_headers(headers: Headers) -> None:
    """Refuse a body that is no JSON, is compressed, is not even to be sent, or will not be read.

    A body that is merely too large is read all the same, see `read_body`.

    Raises:
        Refused: 400, 413 or 415.
    """
    framing: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"content-type" and value != b"application/json":
            _check_type(value.decode("latin-1").strip())
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            message = "send the body uncompressed"
            raise Refused(415, "UnsupportedMediaType", message, "Content-Encoding")
        elif name in _FRAMING:
            framing[name] = value
    _check_framing(framing)


def _check_framing(framing: Mapping[bytes, bytes]) -> None:
    length = int(framing.get(b"content-length", 0))  # the server has checked that it is a number
    if b"upgrade" in framing and (length or b"transfer-encoding" in framing):
        # For the HTTP parser the body belongs to the other protocol already.
        message = "is not spoken here: send HTTP/1.1 without this header (curl --http1.1)"
        raise Refused(400, "InvalidRequest", message, "Upgrade", (b"connection", b"close"))
    asks_first = framing.get(b"expect", b"").lower() == b"100-continue"
    if length > (LARGEST_BODY if asks_first else LARGEST_DISCARDED):
        raise _too_large(close=True)


def _check_type(value: str) -> None:
    if not value:
        return
    kind, *parameters = (part.strip().lower() for part in value.split(";"))
    pairs = [parameter.partition("=") for parameter in parameters if parameter]
    charsets = [text.strip('" ') for name, _, text in pairs if name.strip() == "charset"]
    if kind != "application/json" or not set(charsets) <= set(_CHARSETS):
        message = "must be application/json in UTF-8"
        raise Refused(415, "UnsupportedMediaType", message, "Content-Type")


def _too_large(*, close: bool) -> Refused:
    message = f"must be at most {LARGEST_BODY >> 20} MB: send fewer rows or states at a time"
    headers = [(b"connection", b"close")] if close else []
    return Refused(413, "PayloadTooLarge", message, "body", *headers)


async def read_body(receive: Receive, hold: Callable[[int], None] = lambda count: None) -> bytes:
    """Return the body of a request; what exceeds `LARGEST_BODY` is not kept.

    A body that is too large is discarded to its end before it is refused: a client that is still
    sending would not read an answer, and loses it when the connection is closed.

    Args:
        receive: gives the next message.
        hold: is told of the bytes that are kept, as they come.

    Raises:
        Refused: 413; what `hold` raises.
        Disconnected: it was not complete when the client went, or when its time was up.
    """
    body = bytearray()
    total, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part = message.get("body", b"")
        total += len(part)
        if total <= LARGEST_BODY:
            hold(len(part))
            body += part
        elif total > LARGEST_DISCARDED:
            raise _too_large(close=True)
        more = message.get("more_body", False)
    if total > LARGEST_BODY:
        raise _too_large(close=False)
    return bytes(body)
