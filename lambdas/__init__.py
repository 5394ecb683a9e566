"""The workflow's Lambda handlers: standard library and boto3 only, one module per state."""
