"""Constructs: one logical unit of the workflow per file."""
