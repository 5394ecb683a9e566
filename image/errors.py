"""What ends a command: a text that says what to do."""


class CommandError(Exception):
    """A mistake in a request, or something that it names and that cannot be had."""
