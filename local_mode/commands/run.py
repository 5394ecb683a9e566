"""`python -m local_mode run`: the whole workflow on this machine, in one execution."""

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local_mode.errors import UserError
from local_mode.signals import interrupt_once

if TYPE_CHECKING:
    from local_mode.execution import Finished
    from local_mode.local_aws import LocalAws

SUMMARY = "run the whole workflow once: train, evaluate, gate, register, deploy, decide"
DEPLOYED, REJECTED = "Deployed", "Rejected"
EXIT_REJECTED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--preset", default="", help="what to train, a name in training_src/presets"
    )
    parser.add_argument("--load", type=Path, help="CSV with the columns timestamp,requests")
    parser.add_argument("--output", type=Path, help="new folder for the results")
    parser.add_argument(
        "--edge", action="store_true", help="deploy to a local device, too, and ask it"
    )


def execute(options: argparse.Namespace) -> int:
    """Run one execution of the state machine and show what came of it.

    Returns:
        0 if a policy was deployed and answered, 3 if the gate rejected it, 2 for a mistake of the
        user, 1 for a fault.

    Raises:
        UserError: for a mistake that shows before the execution starts.
        ServerEndedError: if the local AWS ended by itself.
    """
    interrupt_once()
    try:
        return _check_and_run(options)
    except KeyboardInterrupt:
        print("\nStopped. Every process that was started has ended.", flush=True)
        return 1


def _check_and_run(options: argparse.Namespace) -> int:
    from local_mode import bundle
    from local_mode.output_folder import taken

    preset = options.preset or bundle.DEFAULT_PRESET
    bundle.check_preset(preset)
    if options.load is not None:
        print(bundle.check_script("check_load.py", [str(options.load)]), flush=True)
    with taken(options.output) as output:
        return _run(preset, options.load, output, edge=options.edge)


def _run(preset: str, load: Path | None, output: Path, *, edge: bool) -> int:
    from local_mode import bundle, decision, execution, results
    from local_mode.edge import ask_device, local_device
    from local_mode.local_aws import LocalAws
    from local_mode.provision import provision

    started = time.monotonic()
    print(f"Preset {preset}, load {load or 'generated'}. Results go to {output}", flush=True)
    with LocalAws() as aws, contextlib.ExitStack() as until_asked:
        deployment = provision(aws.client, default_preset=bundle.DEFAULT_PRESET)
        document = execution.make_input(aws.client, deployment, preset, load)
        device = None
        if edge:
            document["edge"] = {"run": True}
            device = local_device(aws.client, deployment, output / "device")
            until_asked.enter_context(device)
        until_asked.enter_context(_saving(aws))
        with _rescuing(aws, output):
            finished = execution.follow(aws.client, deployment, document)
            if finished.error:
                return _tell_failure(aws, finished, output)
            card = results.fetch(aws.client, finished, output)
        print(results.table(card), flush=True)
        answer = None
        if finished.status == DEPLOYED:
            answer = decision.ask(aws.client, finished, output)
            print(decision.describe(answer), flush=True)
            if device is not None:
                print(ask_device(device, deployment.component, answer, output), flush=True)
    print(results.closing(finished, output, time.monotonic() - started), flush=True)
    if finished.status == REJECTED:
        return EXIT_REJECTED
    return 0 if finished.status == DEPLOYED and answer else 1


def _tell_failure(aws: "LocalAws", finished: "Finished", output: Path) -> int:
    print(f"\nThe execution failed. {finished.error}", flush=True)
    print(f"Logs of the local processes are in {aws.keep_logs(output)}", flush=True)
    _rescue(aws, output)
    return 2 if finished.users_mistake else 1


def _rescue(aws: "LocalAws", output: Path) -> None:
    from local_mode import results

    for kept in results.rescue(aws.client, output):
        print(f"Kept: {kept}", flush=True)


@contextlib.contextmanager
def _rescuing(aws: "LocalAws", output: Path) -> Iterator[None]:
    """Keep what the jobs made where a signal ends the execution; a later one changes nothing."""
    from local_mode import results

    try:
        yield
    except KeyboardInterrupt:
        print("\nStopping: the jobs end, and what they made is kept", flush=True)
        results.wait_for_jobs(aws.client)
        _rescue(aws, output)
        raise


@contextlib.contextmanager
def _saving(aws: "LocalAws") -> Iterator[None]:
    """Keep what the jobs made in the local AWS's own folder where the results cannot be written."""
    from local_mode import results
    from local_mode.output_folder import OutputError

    try:
        yield
    except OutputError as error:
        aws.keep_state, kept = True, aws.state_dir / "jobs"
        with contextlib.suppress(OutputError):  # a full disk may be this one's, too
            results.rescue(aws.client, kept)
            raise UserError(
                f"{error}; what the jobs made is kept in {kept}: copy it, or make room and run "
                "again"
            ) from error
        raise UserError(
            f"{error}, and what the jobs made cannot be kept in {kept} either: make room and run "
            "again"
        ) from error
