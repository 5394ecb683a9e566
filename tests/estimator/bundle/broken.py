"""A serving program that cannot load its model."""

raise SystemExit("no model")
