"""Reading a tar.gz: hostile and damaged ones are refused before they cost anything."""

import gzip
import io
import tarfile
import tracemalloc
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from lambdas.archive import Limits, read_files
from lambdas.errors import UnsafeArtifact
from tests.lambdas.samples import pack

LIMITS = Limits(members=5, file_bytes=2000, total_bytes=5000)


def read(data: bytes, limits: Limits = LIMITS, skip: str = "") -> dict[str, bytes]:
    return dict(read_files(io.BytesIO(data), limits=limits, wanted=lambda name: name != skip))


def item(name: str, **fields: Any) -> tarfile.TarInfo:
    result = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(result, key, value)
    return result


def pack_items(items: list[tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for item in items:
            archive.addfile(item)
    return buffer.getvalue()


def test_files_are_read_under_plain_names() -> None:
    data = pack({"./a.json": b"1", "code/b.py": b"2", "c": b""})
    assert read(data) == {"a.json": b"1", "code/b.py": b"2", "c": b""}


def test_folders_are_no_files() -> None:
    assert read(pack_items([item("code", type=tarfile.DIRTYPE)])) == {}


def test_what_is_not_wanted_is_skipped_however_long() -> None:
    data = pack({"long.csv": b"x" * 3000, "short": b"y"})
    assert read(data, skip="long.csv") == {"short": b"y"}
    with pytest.raises(UnsafeArtifact, match=r"'long.csv' is over 2000 bytes long"):
        read(data)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "a\nb", "./../x", "a/.."]
)
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(UnsafeArtifact, match="could leave its folder"):
        read(pack({name: b"x"}))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_are_refused(kind: bytes) -> None:
    with pytest.raises(UnsafeArtifact, match="'x' is a link or a device"):
        read(pack_items([item("x", type=kind, linkname="y")]))


def test_sparse_files_are_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        headers = {"GNU.sparse.size": "100000", "GNU.sparse.map": "0,0"}
        archive.addfile(item("x", pax_headers=headers))
    with pytest.raises(UnsafeArtifact, match="'x' is a link or a device"):
        read(buffer.getvalue())


def test_a_name_may_come_once() -> None:
    with pytest.raises(UnsafeArtifact, match="holds 'x' twice"):
        read(pack_items([item("x"), item("./x")]))


def test_members_and_bytes_are_capped() -> None:
    with pytest.raises(UnsafeArtifact, match="over 5 entries or 5000 bytes"):
        read(pack({str(number): b"" for number in range(6)}))
    with pytest.raises(UnsafeArtifact, match="over 5 entries or 5000 bytes"):
        read(pack({str(number): b"x" * 1900 for number in range(3)}))


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    header = item("x", size=10 << 30).tobuf()
    limits = Limits(members=5, file_bytes=1 << 40, total_bytes=1 << 30)
    with pytest.raises(UnsafeArtifact, match="over 5 entries"):
        read(gzip.compress(header + b"\0" * 1024), limits)


def test_a_header_bomb_does_not_fill_the_memory() -> None:
    header = item("x", size=64 << 20, type=tarfile.XHDTYPE).tobuf()
    data = gzip.compress(header) + gzip.compress(b"\0" * (64 << 20))
    tracemalloc.start()
    with pytest.raises(UnsafeArtifact, match="header of over 1 MiB"):
        read(data)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "data", [b"", b"nothing", gzip.compress(b"x" * 2000, mtime=0), b"\x1f\x8b\x08"]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(UnsafeArtifact, match=r"not a whole tar\.gz"):
        read(data)


def test_a_truncated_archive_never_gives_less_than_whole_files() -> None:
    files = {"a": bytes(range(256)) * 4, "b": b"y" * 700}
    data = pack(files)
    refused = 0
    for length in range(len(data)):
        try:
            # The end of the compression may be missing: all files are read by then.
            assert read(data[:length]) == files
        except UnsafeArtifact:
            refused += 1
    assert refused > len(data) / 2


def test_a_lost_connection_is_no_damage() -> None:
    class Lost:
        def read(self, size: int = -1) -> bytes:
            raise ReadTimeoutError(endpoint_url="s3")

    with pytest.raises(ReadTimeoutError):
        list(read_files(Lost(), limits=LIMITS, wanted=lambda _: True))


@given(st.data())
def test_a_damaged_archive_never_gives_anything_but_a_refusal(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(item("a", size=600), io.BytesIO(b"x" * 600))
        archive.addfile(item("é" * 60, size=0))
    plain = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    message, found = "", {}
    try:
        found = read(gzip.compress(bytes(plain)))
    except UnsafeArtifact as error:
        message = str(error)
    assert message.isprintable()
    assert all(not name.startswith(("/", "..")) for name in found)
