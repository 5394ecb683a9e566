"""Settings of the property tests, and which tests stay together when several processes run them."""

from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
# Their tests share what takes long to make: the first synthesis of a process, the local AWS.
TOGETHER = ("stacks", "local_mode", "estimator")

# No deadlines: the first call of a compiled function takes seconds. `make verify` takes `long`.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, or of a folder that shares fixtures, in one process."""
    for item in items:
        parts = item.path.relative_to(TESTS).parts
        group = parts[0] if parts[0] in TOGETHER else "/".join(parts)
        item.add_marker(pytest.mark.xdist_group(group))
