"""The one exception that means: the user can put this right."""


class UserError(Exception):
    """A mistake of the user, told in one line that names the place and the remedy."""
