"""Load: generated, or read from a file."""
