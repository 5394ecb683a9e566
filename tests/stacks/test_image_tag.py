"""The stacks name the image that the build script pushes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.parts.image import content_tag

ROOT = Path(__file__).parents[2]


def printed(root: Path, *arguments: str) -> str:
    command = ["sh", str(root / "tools" / "build_image.sh"), *arguments, "--print-tag"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("torch", "base"), [("none", ""), ("cpu", ""), ("base", "x/y:1")])
def test_the_tag_is_that_of_the_script(torch: str, base: str) -> None:
    arguments = ["--torch", torch, *(["--base", base] if base else [])]
    assert content_tag(torch=torch, base=base) == printed(ROOT, *arguments)


def test_another_file_is_another_tag(tmp_path: Path) -> None:
    for folder in ("image", "requirements", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    before = content_tag(torch="none", base="", root=tmp_path)
    assert before == content_tag(torch="none", base="")
    (tmp_path / "image" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "image" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert content_tag(torch="none", base="", root=tmp_path) == before
    (tmp_path / "image" / "train.py").write_text("print(1)\n")
    after = content_tag(torch="none", base="", root=tmp_path)
    assert after != before
    assert after == printed(tmp_path)
