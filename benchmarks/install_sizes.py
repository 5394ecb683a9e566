"""Measure what each set of dependencies takes: packages, size on disk, time to install.

    python benchmarks/install_sizes.py [NAME ...] [--cold]

Each lock of requirements/ is installed into a new environment, which is removed again, by uv, with
every file copied. Packages come from uv's cache, filled by a first installation that is not
counted; with --cold nothing is cached, and the time is that of downloads and of builds, too. uv
compiles nothing: the first imports add to the size.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# uv is what installs, PyTorch's lock has no hashes, and the last name no packages of its own.
_OTHERS = {"uv", "torch", "estimator-overrides"}
SETS = sorted({path.stem for path in (ROOT / "requirements").glob("*.txt")} - _OTHERS)


def main() -> int:
    """Print a table of Markdown and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SETS)}")
    parser.add_argument("--cold", action="store_true", help="without uv's cache")
    options = parser.parse_args()
    names = options.names or SETS
    if unknown := sorted(set(names) - set(SETS)):
        parser.error(f"there is no set {unknown[0]}: choose of {', '.join(SETS)}")
    print("| set | packages | MB | seconds | CPU seconds |\n|---|---|---|---|---|", flush=True)
    for name in names:
        lock = ROOT / "requirements" / f"{name}.txt"
        with tempfile.TemporaryDirectory(dir=ROOT / ".venv") as folder:
            environment = Path(folder) / "environment"
            if not options.cold:
                install(lock, environment)
                shutil.rmtree(environment)
            copied = ("--link-mode", "copy", *(["--no-cache"] if options.cold else []))
            wall, cpu = install(lock, environment, *copied)
            size = disk_usage(environment) / 1e6
            packages = len(list(environment.glob("lib/*/site-packages/*.dist-info")))
        print(f"| {name} | {packages} | {size:.0f} | {wall:.0f} | {cpu:.0f} |", flush=True)
    return 0


def install(lock: Path, environment: Path, *options: str) -> tuple[float, float]:
    """Install a lock into a new environment; return wall and CPU time, seconds."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", environment], check=True, cwd=ROOT)
    before, begun = _cpu_seconds(), time.perf_counter()
    subprocess.run(
        # As tools/install.sh does, with its settings of where packages come from.
        [
            *("sh", "-c", '. tools/pip_settings.sh; exec "$@"', "install", *uv, "pip", "install"),
            *("--quiet", "--python", environment / "bin" / "python"),
            *("--no-deps", "--require-hashes", "--requirement", lock, *options),
        ],
        check=True,
        cwd=ROOT,
    )
    return time.perf_counter() - begun, _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def disk_usage(folder: Path) -> int:
    """Return what the files of a folder hold, in bytes; links count for nothing."""
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


if __name__ == "__main__":
    sys.exit(main())
