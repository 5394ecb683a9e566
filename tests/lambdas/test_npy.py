"""NumPy's files without NumPy: read as NumPy reads them, or refused."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from lambdas.errors import UnsafeArtifact
from lambdas.npy import open_arrays, read_array, read_header
from tests.lambdas.samples import npz


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def with_header(text: str, version: int = 1) -> bytes:
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


@given(
    st_numpy.arrays(
        st.sampled_from(["<f4", "<f8", "<i8"]), st_numpy.array_shapes(max_dims=3, max_side=5)
    )
)
def test_arrays_are_read_as_numpy_reads_them(array: np.ndarray) -> None:
    assert repr(read_array(npy(array))) == repr(array.tolist())


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(version: tuple[int, int]) -> None:
    assert read_array(npy(np.arange(3), version)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.zeros(3, ">f8")), "must be float32, float64 or int64 in C order"),
        (npy(np.zeros(3, np.int32)), "must be float32, float64 or int64 in C order"),
        (npy(np.zeros(3, [("a", "<f4")])), "must be float32, float64 or int64 in C order"),
        (npy(np.asfortranarray(np.zeros((3, 2)))), "must be float32, float64 or int64 in C order"),
        (npy(np.array(1.0)), "holds no rows"),
        (npy(np.zeros((0, 3))), "holds no rows"),
        (npy(np.zeros(3))[:-1], r"An array of shape \(3,\) has 23 bytes"),
        (b"", "the magic string is missing"),
        (b"\x93NUMPY", "Not an array"),
        (b"\x93NUMPY\x01\x00\x10", "Not an array"),
        (with_header("{'descr': '<f8'}"), "Not an array"),
        (with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "not one of"),
        (with_header("{'descr': '<f8', 'fortran_order': False, 'shape': 5}"), "Not an array"),
        (with_header("__import__('os')"), "Not an array"),
        (with_header("(" * 9_000), "Not an array"),
        (with_header("-" * 9_000 + "1"), "the header is nested"),
        (with_header(" " * 70_000, version=2), "the header is too long"),
    ],
)
def test_other_arrays_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(UnsafeArtifact, match=message):
        read_array(data)


def test_rows_without_columns_cost_no_memory() -> None:
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 0)}"
    with pytest.raises(UnsafeArtifact, match="holds no rows"):
        read_array(with_header(text))


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"]))
def test_any_bytes_are_an_array_or_refused(data: bytes, start: bytes) -> None:
    message = ""
    try:
        read_array(start + data)
    except UnsafeArtifact as error:
        message = str(error)
    assert "\n" not in message


def test_the_arrays_of_an_npz_are_found_by_name() -> None:
    arrays = open_arrays(npz(a=np.arange(3), b=np.ones((1, 2))), most_bytes=10_000)
    assert {name: read_array(data) for name, data in arrays.items()} == {
        "a": [0, 1, 2],
        "b": [[1.0, 1.0]],
    }
    assert read_header(arrays["b"]).shape == (1, 2)


def test_python_objects_are_refused() -> None:
    with pytest.raises(UnsafeArtifact, match="'bad' holds Python objects"):
        open_arrays(npz(good=np.ones(1), bad=np.array([{}], object)), most_bytes=10_000)
    with pytest.raises(UnsafeArtifact, match="'bad' holds Python objects"):
        open_arrays(npz(bad=np.zeros(1, [("a", object)])), most_bytes=10_000)


def test_an_inflated_npz_is_refused_by_its_size() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 1_000_000)
    with pytest.raises(UnsafeArtifact, match="over 10000 bytes"):
        open_arrays(buffer.getvalue(), most_bytes=10_000)


def test_a_damaged_npz_is_refused() -> None:
    data = bytearray(npz(a=np.arange(30)))
    with pytest.raises(UnsafeArtifact, match=r"Not a whole \.npz file"):
        open_arrays(bytes(data[:100]), most_bytes=10_000)
    data[150] ^= 255
    with pytest.raises(UnsafeArtifact, match=r"Not a whole \.npz file"):
        open_arrays(bytes(data), most_bytes=10_000)
