"""Reads NumPy's .npy and .npz files without NumPy, which the functions do not carry.

The format is that of NumPy's documentation, `numpy.lib.format`: a magic string, a version, the
length of a header, the header as a Python literal, and the values.
"""

import ast
import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TypeAlias, cast

from lambdas.errors import UnsafeArtifact

Nested: TypeAlias = "float | list[Nested]"

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_CODES = {"<f4": "f", "<f8": "d", "<i8": "q"}


@dataclass(frozen=True)
class Header:
    """What stands before the values: type as NumPy writes it, order, shape, start of the values."""

    descr: object
    fortran_order: bool
    shape: tuple[int, ...]
    offset: int


def read_header(data: bytes) -> Header:
    """Read the header of a .npy file.

    Args:
        data: The file, or at least its first 10 kB.

    Raises:
        UnsafeArtifact: The data are no .npy file.
    """
    try:
        if data[:6] != _MAGIC:
            raise ValueError("the magic string is missing")
        size_format = "<H" if data[6] == 1 else "<I"
        start = 8 + struct.calcsize(size_format)
        (length,) = struct.unpack(size_format, data[8:start])
        if length > _LONGEST_HEADER:
            raise ValueError("the header is too long")
        # A literal, not an expression: nothing in it can run.
        fields = ast.literal_eval(data[start : start + length].decode("utf-8").strip())
        header = Header(
            fields["descr"], fields["fortran_order"], tuple(fields["shape"]), start + length
        )
        if not all(isinstance(size, int) and size >= 0 for size in header.shape):
            raise ValueError("the shape is not one of sizes")
        return header
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, struct.error) as error:
        raise UnsafeArtifact(f"Not an array in NumPy's format ({error}).") from error
    except (RecursionError, MemoryError) as error:
        raise UnsafeArtifact("Not an array in NumPy's format (the header is nested).") from error


def read_array(data: bytes) -> list[Nested]:
    """Read a .npy file of float32, float64 or int64 in C order.

    Returns:
        The values as nested lists, as `numpy.ndarray.tolist` gives them.

    Raises:
        UnsafeArtifact: Another type or order, no values, or a length that does not fit.
    """
    header = read_header(data)
    code = _CODES.get(header.descr) if isinstance(header.descr, str) else None
    if code is None or header.fortran_order:
        raise UnsafeArtifact(
            f"Arrays must be float32, float64 or int64 in C order, not {header.descr!a}."
        )
    count = math.prod(header.shape)
    # An array of a billion rows without columns takes no bytes in the file, but memory here.
    if not header.shape or not count:
        raise UnsafeArtifact(f"An array of shape {header.shape} holds no rows of values.")
    body = data[header.offset :]
    if len(body) != count * struct.calcsize(code):
        raise UnsafeArtifact(f"An array of shape {header.shape} has {len(body)} bytes of values.")
    return cast("list[Nested]", _nested(list(struct.unpack(f"<{count}{code}", body)), header.shape))


def _nested(values: list[float], shape: tuple[int, ...]) -> Nested:
    if len(shape) == 1:
        return cast(Nested, values)
    step = math.prod(shape[1:])
    return [_nested(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def open_arrays(data: bytes, *, most_bytes: int) -> dict[str, bytes]:
    """Take the .npy files out of a .npz file and see that none holds Python objects.

    Args:
        data: The .npz file.
        most_bytes: The most that its arrays may have together.

    Returns:
        The .npy files by the names of their arrays.

    Raises:
        UnsafeArtifact: The file is damaged, too large, or needs unpickling.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            items = archive.infolist()
            if sum(item.file_size for item in items) > most_bytes:
                raise UnsafeArtifact(f"The arrays are over {most_bytes} bytes long.")
            arrays = {item.filename.removesuffix(".npy"): archive.read(item) for item in items}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise UnsafeArtifact(f"Not a whole .npz file ({error}).") from error
    for name, array in arrays.items():
        descr = read_header(array).descr
        if not isinstance(descr, str) or "O" in descr:
            raise UnsafeArtifact(
                f"The array {name!a} holds Python objects or records, not numbers."
            )
    return arrays
