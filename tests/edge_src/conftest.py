"""What tests leave open to play a process that ended is closed after them."""

import pytest

from edge_policy import records
from tests.edge_src.support import WRITERS, end_process


@pytest.fixture(autouse=True)
def writers(monkeypatch):
    """Note every file of records that is opened in this process."""
    begin = records.Writer.__init__

    def noted(self, path):
        self._descriptor = -1  # in case it cannot be opened
        WRITERS.append(self)
        begin(self, path)

    monkeypatch.setattr(records.Writer, "__init__", noted)
    yield
    end_process()
