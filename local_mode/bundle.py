"""The training bundle as seen from outside: its presets as data, its scripts as processes."""

import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from local_mode.errors import UserError

BUNDLE = Path(__file__).resolve().parent.parent / "training_src"
DEFAULT_PRESET = "hindsight-autoscaling"

# What a toolkit needs beyond the default installation, and the command that installs it.
_EXTRAS = {"sb3": ("torch", "make setup-sb3")}


def script_environment() -> dict[str, str]:
    """Return the environment of a bundle's script: kernels are cached beside the checkout."""
    cache = BUNDLE.parent / "output" / ".local-aws" / "cache" / "numba"
    return {"NUMBA_CACHE_DIR": str(cache), **os.environ, "PYTHONPATH": str(BUNDLE)}


def become_script(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become a script of the bundle: it gets every signal, and outlives nobody."""
    command = [sys.executable, str(BUNDLE / name), *arguments]
    os.execve(sys.executable, command, script_environment())


def check_script(name: str, arguments: Sequence[str]) -> str:
    """Run a script that checks something; return what it has to say.

    Raises:
        UserError: with the script's own words, if it refuses.
        RuntimeError: if it fails otherwise.
    """
    command = [sys.executable, str(BUNDLE / name), *arguments]
    done = subprocess.run(
        command, env=script_environment(), check=False, capture_output=True, text=True
    )
    if done.returncode == 2:
        raise UserError(done.stderr.strip().splitlines()[-1].removeprefix("error: "))
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return done.stdout.strip()


def check_preset(name: str) -> None:
    """Refuse a preset that is not in the bundle, is wrong, or whose toolkit is not installed.

    Raises:
        UserError: names the nearest preset, the line, or the command that installs the toolkit.
    """
    known = sorted(path.stem for path in (BUNDLE / "presets").glob("*.toml"))
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise UserError(f"--preset {name}: there is no such preset; {hint}")
    check_script("train.py", ["--preset", name, "--describe"])
    preset = tomllib.loads((BUNDLE / "presets" / f"{name}.toml").read_text("utf-8"))
    package, remedy = _EXTRAS.get(str(preset.get("toolkit")), ("", ""))
    if package and importlib.util.find_spec(package) is None:
        raise UserError(f"--preset {name}: its toolkit needs {package}; run `{remedy}` first")
