"""Mistakes of whoever configures a deployment, as one line each."""


class ConfigError(Exception):
    """A setting that cannot be deployed; the message names it and the remedy."""
