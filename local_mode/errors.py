"""The exceptions that a command tells in one line."""

from pathlib import Path


class UserError(Exception):
    """A mistake of the user, told in one line that names the place and the remedy."""


class ServerEndedError(Exception):
    """The local AWS ended by itself, as it does when memory runs out: a fault."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"The local AWS ended by itself; its log is {log}")
