"""Lambda functions: the deployed zip, run by AWS's own runtime client in a local process."""
