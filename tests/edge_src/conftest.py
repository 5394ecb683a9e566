"""The component in a thread, and an end for what tests leave open to play a process that ended."""

import pytest

from edge_policy import records
from tests.edge_src.nuclei import server
from tests.edge_src.running import Running
from tests.edge_src.support import WRITERS, end_process, models


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


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    return models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def folders(offered):
    """Folders of the same, unpacked."""
    return {name: path.with_name(name) for name, path in offered.items()}


@pytest.fixture(params=["lite", "full"])
def nucleus(request, tmp_path, monkeypatch):
    with server(tmp_path / "ipc", request.param) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def start(nucleus, tmp_path, offered):
    """Start the component with a model."""
    begun = []

    def begin(model="bank", **configuration):
        work = tmp_path / "work"
        begun.append(Running(nucleus, work, model and offered[model], configuration))
        return begun[-1]

    yield begin
    for each in begun:
        if each.thread.is_alive():
            each.stop()
