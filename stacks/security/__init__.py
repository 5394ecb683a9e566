"""What policies say, in words, for the table of `stacks.role_table`."""
