"""Messages of AWS's event stream encoding, as the Greengrass IPC carries them.

A message is, in network byte order: total length (4 bytes), length of the headers (4), CRC-32 of
these eight bytes, headers, payload, CRC-32 of everything before it. A header is the length of its
name (1 byte), the name, a type (1 byte) and the value; the IPC uses int32 (4) and string (7).
"""

import asyncio
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

# Message types of the RPC protocol.
APPLICATION_MESSAGE = 0
APPLICATION_ERROR = 1
PING = 2
PING_RESPONSE = 3
CONNECT = 4
CONNECT_ACK = 5
# Flags.
CONNECTION_ACCEPTED = 1
TERMINATE_STREAM = 2

_PRELUDE = struct.Struct("!III")
_INT32, _STRING = 4, 7
_MAX_BYTES = 24 * 1024 * 1024
"""What the SDK's own encoder refuses to exceed."""


class FrameError(Exception):
    """Bytes that are no message of the encoding."""


@dataclass(frozen=True)
class Frame:
    """One message.

    Attributes:
        headers: By name; numbers are int32.
        payload: JSON text, or nothing.
    """

    headers: dict[str, int | str] = field(default_factory=dict)
    payload: bytes = b""

    @property
    def kind(self) -> int:
        """The message type."""
        return self._number(":message-type")

    @property
    def flags(self) -> int:
        """The flags."""
        return self._number(":message-flags")

    @property
    def stream(self) -> int:
        """The stream's number; 0 is the connection itself."""
        return self._number(":stream-id")

    def text(self, name: str) -> str:
        """Return a header as text, empty without it."""
        return str(self.headers.get(name, ""))

    def document(self) -> dict[str, Any]:
        """Return the payload as a JSON object.

        Raises:
            FrameError: If it is none.
        """
        try:
            document = json.loads(self.payload or b"{}")
        except ValueError:
            raise FrameError("the payload is no JSON") from None
        if not isinstance(document, dict):
            raise FrameError("the payload is no JSON object")
        return document

    def _number(self, name: str) -> int:
        value = self.headers.get(name)
        if not isinstance(value, int):
            raise FrameError(f"the header {name} is missing")
        return value


def encode(frame: Frame) -> bytes:
    """Return a message's bytes."""
    headers = b"".join(_encode_header(name, value) for name, value in frame.headers.items())
    length = _PRELUDE.size + len(headers) + len(frame.payload) + 4
    prelude = struct.pack("!II", length, len(headers))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + frame.payload
    return body + struct.pack("!I", zlib.crc32(body))


def _encode_header(name: str, value: int | str) -> bytes:
    key = name.encode()
    if isinstance(value, int):
        return struct.pack(f"!B{len(key)}sBi", len(key), key, _INT32, value)
    text = value.encode()
    return struct.pack(f"!B{len(key)}sBH", len(key), key, _STRING, len(text)) + text


async def read(reader: asyncio.StreamReader, max_bytes: int = _MAX_BYTES) -> Frame:
    """Read one message.

    Raises:
        FrameError: If the bytes are no message or more than `max_bytes`.
        asyncio.IncompleteReadError: If the other side has closed the connection.
    """
    prelude = await reader.readexactly(_PRELUDE.size)
    length, header_length, check = _PRELUDE.unpack(prelude)
    if zlib.crc32(prelude[:8]) != check:
        raise FrameError("the checksum of the prelude is wrong")
    if not _PRELUDE.size + 4 + header_length <= length <= max_bytes:
        raise FrameError(f"a message of {length} bytes; at most {max_bytes} are taken")
    rest = await reader.readexactly(length - _PRELUDE.size)
    if zlib.crc32(prelude + rest[:-4]) != struct.unpack("!I", rest[-4:])[0]:
        raise FrameError("the checksum of the message is wrong")
    return Frame(_decode_headers(rest[:header_length]), rest[header_length:-4])


def _decode_headers(data: bytes) -> dict[str, int | str]:
    headers: dict[str, int | str] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            headers[name], at = _decode_value(data, end + 1, kind)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise FrameError("the headers are cut short") from None
    return headers


def _decode_value(data: bytes, at: int, kind: int) -> tuple[int | str, int]:
    if kind == _INT32:
        return struct.unpack_from("!i", data, at)[0], at + 4
    if kind == _STRING:
        end = at + 2 + struct.unpack_from("!H", data, at)[0]
        return data[at + 2 : end].decode(), end
    raise FrameError(f"a header of type {kind}: the IPC has int32 and string alone")
