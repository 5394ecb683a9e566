"""`python -m local_mode backtest`: an artifact and every baseline over recorded load."""

import argparse
from collections.abc import Mapping
from typing import Any

SUMMARY = "back-test a model.tar.gz on a load file; --help lists the options"
# Options are the script's, and so is their help: nothing that begins with - is one of ours.
PARSER: Mapping[str, Any] = {"prefix_chars": "\0", "add_help": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command: those of the bundle's own script."""
    parser.add_argument("arguments", nargs="*", metavar="MODEL_TAR_GZ LOAD_CSV ...")


def execute(options: argparse.Namespace) -> int:
    """Go on as the bundle's `backtest.py`, which ends with its exit status."""
    from local_mode.bundle import become_script

    become_script("backtest.py", options.arguments)
