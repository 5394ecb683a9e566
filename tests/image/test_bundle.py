"""Where the bundle is found, and archives that are not what they seem."""

import tarfile
import tempfile

import pytest

from image import archive
from image.archive import unpack
from image.bundle import Request, find_bundle
from image.errors import CommandError
from image.s3 import parse
from tests.image.support import PROGRAM, tar
from tests.image.support import archive as packed


@pytest.fixture
def request_for(tree):
    """Make a request of a training job."""

    def make(program="work.py", submitted=""):
        return Request(
            base=tree.base,
            channel=tree.channel,
            program=program,
            submitted=submitted,
            program_setting="PROGRAM",
            submitted_setting="BUNDLE",
            channel_setting="the channel",
            example="train.py",
        )

    return make


def member(name, kind=tarfile.REGTYPE, **parts):
    made = tarfile.TarInfo(name)
    made.type = kind
    for part, value in parts.items():
        setattr(made, part, value)
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside.py"),
        member("code/../../outside.py"),
        member("/tmp/outside.py"),
        member("a\\b.py"),
        member("link", tarfile.SYMTYPE, linkname="/etc"),
        member("link", tarfile.LNKTYPE, linkname="work.py"),
        member("pipe", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda item: item.name,
)
def test_an_archive_that_would_do_something_else_is_refused(tree, request_for, hostile):
    content = tar([(hostile, b""), (member("work.py"), b"")])
    path = tree.write("bundle.tar.gz", content)
    with pytest.raises(CommandError, match="is no bundle that can be used: its member"):
        find_bundle(request_for(submitted=str(path)))
    assert not (tree.base.parent / "outside.py").exists()
    assert not (tree.base / "code" / "work.py").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", packed({"work.py": PROGRAM})[:200]])
def test_a_broken_archive_is_named(tree, request_for, content):
    path = tree.write("bundle.tar.gz", content)
    with pytest.raises(CommandError, match=r"bundle.tar.gz is no bundle .*cannot be unpacked"):
        find_bundle(request_for(submitted=str(path)))


def test_an_archive_that_grows_too_much_is_refused(tree, monkeypatch):
    path = tree.write("bundle.tar.gz", packed({"a": "1234", "b": "5678"}))
    monkeypatch.setattr(archive, "MAX_BYTES", 7)
    with pytest.raises(CommandError, match="more than 5000 members or 7 bytes"):
        unpack(path, tree.base / "code")
    monkeypatch.setattr(archive, "MAX_BYTES", 8)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(CommandError, match="more than 1 members"):
        unpack(path, tree.base / "code")


def test_links_that_were_there_before_are_not_followed(tree):
    outside = tree.write("outside.py", "kept")
    code = tree.base / "code"
    code.mkdir()
    (code / "work.py").symlink_to(outside)
    (code / "folder").symlink_to(tree.base)
    unpack(tree.write("one.tar.gz", packed({"work.py": "new"})), code)
    assert outside.read_text() == "kept"
    assert (code / "work.py").read_text() == "new"
    with pytest.raises(CommandError, match="would leave the folder"):
        unpack(tree.write("two.tar.gz", packed({"folder/outside.py": "new"})), code)
    assert outside.read_text() == "kept"


def test_folders_and_executables_are_kept(tree):
    parts = [
        (member("tools", tarfile.DIRTYPE, mode=0o755), b""),
        (member("tools/run", mode=0o755), b""),
        (member("deep/er/file", mode=0o4666), b""),
    ]
    unpack(tree.write("bundle.tar.gz", tar(parts)), tree.base / "code")
    assert (tree.base / "code/tools/run").stat().st_mode & 0o7777 == 0o755
    assert (tree.base / "code/deep/er/file").stat().st_mode & 0o7777 == 0o644


def test_a_folder_is_used_where_it_is(tree, request_for):
    folder = tree.bundle()
    assert find_bundle(request_for(submitted=str(folder))) == folder
    assert find_bundle(request_for(submitted=f"file://{folder}")) == folder
    assert not (tree.base / "code").exists()


def test_a_path_of_the_container_is_re_rooted(tree, request_for):
    tree.write("model/code/work.py", PROGRAM)
    found = find_bundle(request_for(submitted="/opt/ml/model/code"))
    assert found == tree.base / "model" / "code"


@pytest.mark.parametrize(
    ("submitted", "reason"),
    [
        ("", "nothing says where the bundle is: set BUNDLE to .* or add the channel"),
        ("bundle", "BUNDLE is 'bundle': write s3://BUCKET/sourcedir.tar.gz or an absolute path"),
        ("s3://bucket", "write s3://BUCKET/sourcedir.tar.gz"),
        ("/opt/ml/none", "BUNDLE: there is no .*/ml/none"),
    ],
)
def test_a_bundle_that_is_nowhere_is_explained(request_for, submitted, reason):
    with pytest.raises(CommandError, match=reason):
        find_bundle(request_for(submitted=submitted))


@pytest.mark.parametrize("program", ["none.py", "../outside.py", "folder"])
def test_the_program_is_a_file_of_the_bundle(tree, request_for, program):
    tree.write("outside.py", PROGRAM)
    folder = tree.bundle()
    (folder / "folder").mkdir()
    with pytest.raises(CommandError, match=f"holds no {program}: set PROGRAM to a file"):
        find_bundle(request_for(program, submitted=str(folder)))


@pytest.mark.parametrize("names", [["a.tar.gz", "b.tar.gz"], ["notes.txt"]])
def test_a_channel_with_something_else_is_refused(tree, request_for, names):
    for name in names:
        tree.write(f"input/data/code/{name}", packed({"work.py": PROGRAM}))
    with pytest.raises(CommandError, match=r"neither work.py nor exactly one archive"):
        find_bundle(request_for(submitted=str(tree.bundle())))


@pytest.mark.parametrize("name", ["sourcedir.tar.gz", f"{'0af3' * 16}.gz", "bundle.tgz"])
def test_a_channel_may_hold_an_archive_of_any_usual_name(tree, request_for, name):
    tree.write(f"input/data/code/{name}", packed({"work.py": PROGRAM}))
    assert find_bundle(request_for()) == tree.base / "code"


def test_an_empty_channel_counts_as_none(tree, request_for):
    tree.channel.mkdir(parents=True)
    folder = tree.bundle()
    assert find_bundle(request_for(submitted=str(folder))) == folder


def test_where_nothing_can_be_written_the_bundle_goes_elsewhere(tree, request_for, monkeypatch):
    tree.write("code", "a file where the folder should be")
    elsewhere = tree.base / "elsewhere"
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(elsewhere))
    path = tree.write("bundle.tar.gz", packed({"work.py": PROGRAM}))
    assert find_bundle(request_for(submitted=str(path))) == elsewhere


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://bucket/a/b.tar.gz", ("bucket", "a/b.tar.gz")),
        ("https://s3.eu-west-1.amazonaws.com/bucket/a/b", ("bucket", "a/b")),
        ("https://s3.cn-north-1.amazonaws.com.cn/bucket/a", ("bucket", "a")),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a/b", ("bucket", "a/b")),
        ("s3://bucket/", None),
        ("https://example.com/bucket/a", None),
        ("/opt/ml/code", None),
    ],
)
def test_every_form_of_an_address_is_understood(uri, place):
    assert parse(uri) == place
