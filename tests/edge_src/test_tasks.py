"""What waits for the deciding thread: messages within bounds, all else always, nothing ends it."""

import threading

import pytest

from edge_policy.ipc import Disconnected
from edge_policy.tasks import Tasks
from edge_policy.telemetry import Telemetry


@pytest.fixture
def telemetry():
    return Telemetry(None, {})


def done(tasks):
    """Do what waits; return whether the thread came to its end."""
    tasks.end()
    thread = threading.Thread(target=tasks.run)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_messages_have_bounds_and_the_rest_has_none(telemetry):
    tasks = Tasks(telemetry, most_messages=3, most_bytes=100)
    order = []
    for number, size in enumerate((10, 60, 40, 20, 5)):  # the third is too much, and the fifth
        tasks.add_message(size, lambda number=number: order.append(number))
    for _ in range(50):
        tasks.add(lambda: order.append("more"))
    assert telemetry._counts["messages_dropped"] == 2
    assert done(tasks)
    assert order == [0, 1, 3, *["more"] * 50]
    tasks.add_message(100, lambda: order.append("room"))  # again
    assert done(tasks)
    assert order[-1] == "room"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_nothing_that_is_raised_ends_the_thread(telemetry, error):
    tasks = Tasks(telemetry, most_messages=9, most_bytes=100)
    order = []

    def fail():
        raise error("in a task")

    def lose():
        raise Disconnected("away")

    tasks.add_message(1, fail)
    tasks.add(lose)
    tasks.add(lambda: order.append("after"))
    assert done(tasks)
    assert order == ["after"]
    assert telemetry._events["fault"] == 1
    assert telemetry._counts["failed_disconnected"] == 1
