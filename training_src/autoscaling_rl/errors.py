"""The one exception for mistakes of the user: its text is the whole message."""


class UserError(Exception):
    """A mistake of the user; the text names the place and the remedy in one line."""
