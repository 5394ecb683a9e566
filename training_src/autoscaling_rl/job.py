"""What every job of the bundle has in common: arguments, exit status, failure file, signals."""

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from autoscaling_rl.errors import UserError
from autoscaling_rl.paths import JobPaths, job_paths, read_hyperparameters, split_arguments

USER_MISTAKE, FAULT = 2, 1
_STOPPING = (
    b"\nstopping: what was trained becomes a model; Ctrl-C again ends it at once, and the same"
    b" command goes on from its last checkpoint\n"
)


def run_job(
    job: Callable[[JobPaths, dict[str, str]], None],
    argv: Sequence[str] | None,
    *,
    name: str,
    flags: Mapping[str, Callable[[dict[str, str]], str]],
) -> int:
    """Run `job` in the folders of a SageMaker job and return the exit status.

    Args:
        job: gets the folders and the hyperparameters.
        argv: command-line arguments; None: those of the process.
        name: what the job is, for the failure file.
        flags: arguments without a value, by name, that print a text instead of running the job.

    Returns:
        0 done, or stopped by `stop_request`; 2 a mistake of the user, named in one line; 1 a fault,
        or interrupted. For 1 and 2 the reason is in output/failure.
    """
    paths: JobPaths | None = None
    try:
        values, chosen = split_arguments(sys.argv[1:] if argv is None else argv, flags=tuple(flags))
        base_dir = values.pop("base-dir", None)
        for flag in flags:
            if flag in chosen:
                print(flags[flag](values))
                return 0
        paths = job_paths(base_dir)
        paths.create()
        paths.failure.unlink(missing_ok=True)
        job(paths, read_hyperparameters(paths, values))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        write_failure(paths, str(error))
        return USER_MISTAKE
    except KeyboardInterrupt:
        print(f"\nthe {name} was interrupted", file=sys.stderr, flush=True)
        write_failure(paths, f"the {name} was interrupted")
        return FAULT
    except (Exception, SystemExit) as error:  # a foreign environment may call sys.exit()
        trace = traceback.format_exc()
        print(trace, file=sys.stderr, flush=True)
        summary = " ".join(f"{type(error).__name__}: {error}".split())
        write_failure(paths, f"{name} failed, see the job's log: {summary}\n\n{trace}")
        return FAULT
    return 0


def end_process(status: int) -> NoReturn:
    """End the process of a job, whatever libraries of simulators do when a process ends.

    What pythonfmu exports frees, at the very end, what is freed already: now and then that turned a
    job that was done into one that crashed. Python's own exit handlers run, those of C do not.
    """
    if "fmpy" not in sys.modules:
        sys.exit(status)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGTERM or Ctrl-C has come.

    A second Ctrl-C interrupts. At the end the old handlers are put back.
    """
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.write(2, _STOPPING)  # `print` may be what was interrupted

    # Where a shell's `&` has asked for Ctrl-C to be ignored, that holds.
    numbers = (signal.SIGTERM, signal.SIGINT)
    heeded = [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_failure(paths: JobPaths | None, text: str) -> None:
    """Write the reason of a failure to where SageMaker reads it, if there is such a place."""
    if paths is None:
        return
    try:
        paths.failure.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        print(f"cannot write {paths.failure}: {error}", file=sys.stderr, flush=True)
