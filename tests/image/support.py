"""A tree like /opt/ml, a tiny bundle, and the commands as processes in it."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
SECONDS = 60.0

# Notes what it was given, then does what its hyperparameter or variable `task` says.
PROGRAM = """
import json, os, pathlib, signal, sys, time

base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
seen = {"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}
(base / "seen.json").write_text(json.dumps(seen))
task = os.environ.get("SM_HP_TASK") or os.environ.get("TASK", "")
if task == "save":
    def save(number, frame):
        (base / "saved").touch()
        sys.exit(0)
    signal.signal(signal.SIGTERM, save)
if task == "explain":
    (base / "output" / "failure").write_text("give it a load file\\n")
if task in ("save", "wait"):
    print("ready", flush=True)
    time.sleep(60)
if task == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(3 if task in ("explain", "fail") else 0)
"""


def archive(files: dict[str, str]) -> bytes:
    """Return a gzip tar of text files."""
    members = []
    for name, text in files.items():
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        members.append((member, text.encode()))
    return tar(members)


def tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a gzip tar of any members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as opened:
        for member, content in members:
            opened.addfile(member, io.BytesIO(content))
    return raw.getvalue()


class Tree:
    """A folder that stands for /opt/ml."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.failure = base / "output" / "failure"
        self.channel = base / "input" / "data" / "code"
        self.source = base / "additional-model-data-sources" / "code"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def configure(self, hyperparameters: dict[str, Any], **files: dict[str, Any]) -> None:
        """Write the files of input/config."""
        for name, content in {"hyperparameters": hyperparameters, **files}.items():
            self.write(f"input/config/{name}.json", json.dumps(content))

    def bundle(self) -> Path:
        """Make a bundle in a folder of the tree, and return the folder."""
        return self.write("bundle/work.py", PROGRAM).parent

    def seen(self) -> dict[str, Any]:
        """Return what the program was given."""
        seen: dict[str, Any] = json.loads((self.base / "seen.json").read_text())
        return seen

    def reason(self) -> str:
        """Return the first line of the failure file."""
        return self.failure.read_text().splitlines()[0]

    @contextlib.contextmanager
    def start(
        self, command: str, *, before: Sequence[str] = (), **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command of the image, through `before` if given; it is ended with the block."""
        process = subprocess.Popen(
            [*before, sys.executable, "-m", f"image.{command}"],
            cwd=ROOT,
            env=environment(SAGEMAKER_BASE_DIR=str(self.base), **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the image to its end."""
        with self.start(command, **variables) as process:
            output, errors = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def environment(**variables: str) -> dict[str, str]:
    """Return this environment with `variables`, without what SageMaker and AWS set."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SM_", "SAGEMAKER_", "AWS_"))
    }
    return kept | variables


def wait_for_line(stream: IO[str] | None, text: str) -> None:
    """Read lines until one is `text`."""
    assert stream is not None
    for line in stream:
        if line.strip() == text:
            return
    raise AssertionError(f"there was no line {text!r}")


def wait_for(condition: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")
