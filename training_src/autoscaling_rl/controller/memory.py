"""What a controller remembers between requests: the load of the last 14 days, as opaque text."""

import base64
import binascii
import hashlib
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .state import LONGEST_LOAD, InvalidRequest, State, valid_load

VERSION = 2
MOST_EXTRA = 4 * 1024 * 1024  # bytes
_HEADER = struct.Struct("<BqII")  # version, minute after the last one, minutes, further bytes


@dataclass(frozen=True)
class Remembered:
    """What a memory holds.

    Attributes:
        after: the minute after the last remembered one.
        load: requests per minute up to the minute before; NaN where a minute was missing.
        extra: what else a controller keeps, opaque here.
    """

    after: int
    load: NDArray[np.float64]
    extra: bytes = b""


def remember(minute: int, load: NDArray[np.float64], extra: bytes = b"") -> str:
    """Return memory of `load`, whose last value is that of the minute before `minute`.

    A minute of it must be known.
    """
    kept = np.ascontiguousarray(_begun(load[-LONGEST_LOAD:]), "<f8")
    body = _HEADER.pack(VERSION, minute, len(kept), len(extra)) + kept.tobytes() + extra
    packed = zlib.compress(body, 1)
    return base64.b64encode(hashlib.sha256(packed).digest()[:8] + packed).decode("ascii")


def recall(memory: str, field: str) -> Remembered:
    """Return what a memory holds.

    Raises:
        InvalidRequest: the text was not made by this version of `remember`, or was changed.
    """
    wrong = InvalidRequest(
        "is not the memory of an answer by this model: leave it out and send the load", field
    )
    try:
        raw = base64.b64decode(memory, validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    packed = raw[8:]
    # The decoder overlooks bits of the last character that belong to no byte.
    if base64.b64encode(raw[(len(raw) - 1) // 3 * 3 :]).decode() != memory[-4:]:
        raise wrong
    if len(raw) < 9 or hashlib.sha256(packed).digest()[:8] != raw[:8]:
        raise wrong
    largest = _HEADER.size + 8 * LONGEST_LOAD + MOST_EXTRA
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(packed, largest + 1)
        version, minute, count, more = _HEADER.unpack_from(body)
    except (zlib.error, struct.error):
        raise wrong from None
    if version != VERSION or len(body) != _HEADER.size + 8 * count + more:
        raise wrong
    if not 0 < count <= LONGEST_LOAD:
        raise wrong
    load = np.frombuffer(body, "<f8", count, _HEADER.size).astype(np.float64)
    # The checksum is no signature: whoever computes it can write anything.
    missing = np.isnan(load)
    if missing[0] or not (valid_load(load) | missing).all():
        raise wrong
    return Remembered(minute, load, body[_HEADER.size + 8 * count :])


def known_load(state: State, field: str, memory: Remembered | None = None) -> NDArray[np.float64]:
    """Return the load up to the minute before the state's, joined with what is remembered.

    It begins with a minute that is known; later ones may be missing (NaN).

    Args:
        state: the state.
        field: names the state in errors.
        memory: the state's memory, if it was recalled already.

    Raises:
        InvalidRequest: there is a gap between the memory and the state's load, the memory is of a
            later minute, or no minute is known.
    """
    return begun_load(_joined(state, field, memory), field)


def begun_load(load: NDArray[np.float64], field: str) -> NDArray[np.float64]:
    """Return the load from the first minute on that is known.

    Raises:
        InvalidRequest: none is.
    """
    begun = _begun(load)
    if begun.size == 0:
        raise InvalidRequest("give at least one minute of load", f"{field}.load")
    return begun


def _begun(load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the load from the first minute on that is known."""
    if load.size and np.isnan(load[0]):
        known = np.flatnonzero(~np.isnan(load))
        return load[known[0] :] if known.size else load[:0]
    return load


def filled(load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the load with the minute before in place of each that is missing."""
    missing = np.isnan(load)
    if not missing.any():
        return load
    newest = np.maximum.accumulate(np.where(missing, 0, np.arange(len(load))))
    return load[newest]


def _joined(state: State, field: str, memory: Remembered | None) -> NDArray[np.float64]:
    if state.memory is None:
        return state.load
    memory = memory or recall(state.memory, f"{field}.memory")
    after, remembered = memory.after, memory.load
    begins = state.minute - len(state.load)
    if after > state.minute:
        raise InvalidRequest("is of a later minute than the timestamp", f"{field}.memory")
    if state.minute - after >= LONGEST_LOAD:  # nothing of it is young enough to matter
        if state.load.size == 0:
            raise InvalidRequest("give the load: the memory is older than 14 days", f"{field}.load")
        return state.load
    if begins > after:
        raise InvalidRequest(
            f"{begins - after} minutes are missing since the memory: send at least the last "
            f"{state.minute - after} minutes",
            f"{field}.load",
        )
    kept = len(remembered) - (after - begins)
    joined = np.concatenate((remembered[: max(0, kept)], state.load))
    return joined[-LONGEST_LOAD:]
