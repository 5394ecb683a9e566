"""The endpoint: GET /ping and POST /invocations for the artifact in a folder.

Nothing here needs the environment, a toolkit or a compiler: the artifact's own code decides.
"""
