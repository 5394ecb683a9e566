"""What decides: observation, policy and limits, as trained and as shipped in an artifact's `code/`.

The package needs NumPy and the standard library alone and imports nothing of the bundle, so that
endpoint, Lambda function, edge component and back-test run the very code that training used.
"""
