"""What a preset's `requirements` name, installed for this job alone.

Packages go into a folder of their own, at the end of the search path: nothing that the bundle was
tested with is replaced, and neither the image nor .venv changes. The folder is kept for the next
job with the same requirements on the same machine.
"""

import atexit
import contextlib
import functools
import hashlib
import importlib
import itertools
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from autoscaling_rl.bundle_files import BUNDLE
from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import shorten

# A name, extras, versions, a marker (PEP 508), but neither options nor addresses.
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9,._ -]+\])?\s*([=<>!~]=?[^;@/]*)?(;[^@/]*)?"
)
_WHEELS = "wheels"


def check_requirements(requirements: Sequence[str]) -> None:
    """Refuse what does not name a package.

    Raises:
        ValueError: with what it must be.
    """
    for text in requirements:
        if not _REQUIREMENT.fullmatch(text):
            raise ValueError(
                f"requirements must name packages as in NAME==VERSION, not {shorten(text)}: wheels"
                f" go into the bundle's folder {_WHEELS}"
            )


def provide(requirements: Sequence[str]) -> None:
    """Make packages importable, installing those that are missing.

    Raises:
        UserError: if they cannot be had, or need other versions than those of the bundle.
    """
    if not requirements:
        return
    folder = _cache() / _key(requirements)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as workspace:
            _install(requirements, Path(workspace))
            with contextlib.suppress(OSError):  # another job was faster
                (Path(workspace) / "packages").rename(folder)
    if str(folder) not in sys.path:
        site.addsitedir(str(folder))
        importlib.invalidate_caches()


def _cache() -> Path:
    """Return where packages are kept, a temporary folder where nothing can be."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = home / "autoscaling-rl" / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return _temporary()


@functools.cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="packages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _key(requirements: Sequence[str]) -> str:
    """Return a name that changes with all that decides what is installed."""
    parts = [sys.version, *sorted(requirements), *_installed(), *_wheel_names()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _installed() -> list[str]:
    """Return name and version of every package of the bundle's environment."""
    apart = str(_cache())
    found = {
        f"{each.metadata['Name']}=={each.version}"
        for each in distributions()
        if not str(each.locate_file("")).startswith(apart)
    }
    return sorted(found)


def _wheel_names() -> list[str]:
    return sorted(path.name for path in (BUNDLE / _WHEELS).glob("*.whl"))


def _install(requirements: Sequence[str], workspace: Path) -> None:
    """Install into `workspace`/packages what the environment lacks, at the versions it has."""
    constraints, report = workspace / "constraints.txt", workspace / "report.json"
    constraints.write_text("\n".join(_installed()) + "\n", "utf-8")
    print(f"Installing {', '.join(requirements)} for this job", file=sys.stderr, flush=True)
    words = ["--dry-run", "--report", str(report), "--constraint", str(constraints)]
    _pip([*words, *requirements], requirements)
    missing = json.loads(report.read_text("utf-8"))["install"]
    target = workspace / "packages"
    target.mkdir()
    if not missing:
        return
    pins = workspace / "pins.txt"
    pins.write_text("".join(_pin(each) + "\n" for each in missing), "utf-8")
    words = ["--no-deps", "--target", str(target), "--requirement", str(pins)]
    _pip(words, requirements)
    shutil.rmtree(target / "bin", ignore_errors=True)


def _pin(item: Mapping[str, Any]) -> str:
    """Return the line that installs what pip chose, with its hash."""
    pin = f"{item['metadata']['name']}=={item['metadata']['version']}"
    archive = item["download_info"]["archive_info"]
    # pip before 23.1 writes one hash as a text, "sha256=...".
    digest = archive.get("hashes", {}).get("sha256") or archive["hash"].partition("=")[2]
    return f"{pin} --hash=sha256:{digest}"


def _pip(words: Sequence[str], requirements: Sequence[str]) -> None:
    source = ["--no-index", "--find-links", str(BUNDLE / _WHEELS)] if _wheel_names() else []
    options = ["--no-input", "--disable-pip-version-check", "--retries", "1"]
    command = [sys.executable, "-m", "pip", "install", *options, *source, *words]
    # Settings that do not go together with --target and --require-hashes.
    variables = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True)
    if done.returncode:
        wanted = ", ".join(requirements)
        reason = _reason(done.stdout, done.stderr)
        raise UserError(f"cannot install the preset's requirements {wanted}: {reason}")


def _reason(output: str, errors: str) -> str:
    """Return in one line what pip says, and the remedy."""
    _, conflict, causes = output.partition("The conflict is caused by:\n")
    if conflict:
        lines = itertools.takewhile(str.strip, causes.splitlines())
        return f"{'; '.join(line.strip() for line in lines)} (the bundle keeps its versions)"[:600]
    named = [line for line in errors.splitlines() if line.startswith("ERROR:")]
    words = (named or errors.splitlines() or ["pip failed"])[0].removeprefix("ERROR:")
    return (
        f"{' '.join(words.split())[:300]} (a job that reaches no package index, such as an isolated"
        f" one, needs their wheels in the bundle's folder {_WHEELS}: pip download --dest {_WHEELS})"
    )
