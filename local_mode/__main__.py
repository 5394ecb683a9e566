"""The command line: `python -m local_mode COMMAND`."""

import argparse
import sys
from collections.abc import Sequence

from local_mode import signals
from local_mode.commands import backtest, run, up
from local_mode.errors import ServerEndedError, UserError

COMMANDS = {"run": run, "up": up, "backtest": backtest}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status, 2 for a mistake of the user, 1 for a fault."""
    parser = argparse.ArgumentParser(prog="python -m local_mode", description=__doc__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        special = getattr(command, "PARSER", {})
        subparser = subparsers.add_parser(
            name, help=command.SUMMARY, description=command.SUMMARY, **special
        )
        command.add_arguments(subparser)
        subparser.set_defaults(execute=command.execute)
    options = parser.parse_args(argv)
    try:
        status: int = options.execute(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except ServerEndedError as error:
        print(error, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    exit_status = main()
    signals.ignore()
    sys.exit(exit_status)
