"""Committed files name no machine and no package registry: they must be true everywhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FORBIDDEN = {
    "a path of somebody's machine": r"""(?:^|["'` =(:])/(?:farm|home|root|work|Users)/""",
    "a package registry": r"""(?:index-url|find-links|registry)[ =]+["']?https?:""",
    "a registry's address in a lock": r'"resolved": *"http',
    "the address of a package": r"""https?://[^ "']*\.(?:whl|tgz|deb)\b""",
}


def findings(text: str) -> list[str]:
    """Return what must not be committed, as `line: what`."""
    return [
        f"{number}: {what}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, line)
    ]


def committed_files() -> list[Path]:
    """List the files that are in git or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        pytest.skip("not a git checkout")
    names = (ROOT / name for name in answer.stdout.split("\0") if name)
    return [file for file in names if file.is_file()]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for file in committed_files():
        try:
            lines = findings(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        if lines:
            found[str(file.relative_to(ROOT))] = lines
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "open('/{}/someone/load.csv')".format("home"),
        "/{}/.config/pip/pip.conf".format("root"),
        "--index-url {}://packages.example/simple".format("https"),
        '"resolved": "{}://packages.example/x"'.format("https"),
        "torch @ {}://packages.example/torch-2-cp311.whl".format("https"),
    ],
)
def test_the_scan_finds(line: str) -> None:
    assert findings(line)


def test_the_scan_leaves_ordinary_text_alone() -> None:
    assert not findings(
        "the work/ folder, /opt/ml/model, s3://bucket/home/ and https://example.com/"
    )
