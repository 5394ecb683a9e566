"""`python -m local_mode up`: the local AWS, provisioned and kept up until told to end."""

import argparse
import time
from typing import NoReturn

from local_mode.errors import ServerEndedError
from local_mode.signals import interrupt_once

SUMMARY = "start the local AWS and keep it up, for any AWS client"
_POLL_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")


def execute(options: argparse.Namespace) -> int:
    """Keep the local AWS up until SIGINT or SIGTERM.

    Returns:
        0.

    Raises:
        UserError: If the port is taken or the checkout is incomplete.
        ServerEndedError: If the server ended by itself.
    """
    interrupt_once()
    try:
        _stay_up(options.port)
    except KeyboardInterrupt:
        return 0


def _stay_up(port: int) -> NoReturn:
    from local_mode.local_aws import LocalAws
    from local_mode.provision import provision

    with LocalAws(port=port) as aws:
        deployment = provision(aws.client)
        print(_welcome(aws.exports(), deployment.state_machine_arn), flush=True)
        while aws.running:
            time.sleep(_POLL_SECONDS)
        raise ServerEndedError(aws.log_file)


def _welcome(exports: str, state_machine: str) -> str:
    return f"""\
The local AWS is up: jobs, endpoints and functions are local processes. Ctrl-C ends it all.

{exports}

Then, for example:

aws stepfunctions start-execution --state-machine-arn {state_machine} --input '{{}}'
aws sagemaker list-training-jobs
aws cloudwatch list-metrics --namespace /aws/sagemaker/TrainingJobs
aws logs tail /aws/sagemaker/TrainingJobs --follow
"""
