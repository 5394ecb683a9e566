"""What programs here ask of their arguments, and how they end on a mistake: one line, status 2."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from autoscaling_rl.errors import UserError


def from_on(least: int) -> Callable[[str], int]:
    """Return a type of arguments: a whole number that is not less."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} on, not {text}")
        return int(text)

    return number


def above_zero(text: str) -> float:
    """Return the finite number above zero that an argument is."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number above 0, not {text}")
    return number


def model_folder(text: str) -> Path:
    """Return the folder of an unpacked model that an argument names."""
    if not (Path(text) / "manifest.json").is_file():
        raise argparse.ArgumentTypeError(
            f"{text} holds no manifest.json: give the folder of an unpacked model.tar.gz"
        )
    return Path(text)


def in_one_line(program: Callable[[], int]) -> int:
    """Run a program and return its exit status: 2 for a mistake of the user."""
    try:
        return program()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
