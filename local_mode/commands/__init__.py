"""The commands of `python -m local_mode`, one module each.

A command module has `SUMMARY`, `add_arguments(parser)` and `execute(options)`, which returns the
exit status. It imports what is heavy inside `execute`, so that `--help` stays fast.
"""
