"""Messages that come faster than they can be answered, and what must have room behind them."""

import json
import threading

import pytest

from edge_policy import service as service_module
from tests.edge_src.nuclei import STATE, answers
from tests.edge_src.running import wait_for_settings
from tests.edge_src.support import state


def test_too_many_messages_are_counted(start, nucleus, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_WAITING", 2)
    running = start().ready()
    hold, held, answer = threading.Event(), threading.Event(), running.core.answer

    def slow(payload):
        held.set()
        hold.wait(10)
        return answer(payload)

    monkeypatch.setattr(running.core, "answer", slow)
    nucleus.publish(STATE, json.dumps(state(100, 100)).encode())
    assert held.wait(10)
    for now in range(101, 106):
        nucleus.publish(STATE, json.dumps(state(now)).encode())
    assert nucleus.wait_for(lambda: running.core.telemetry._counts["messages_dropped"] == 3)
    hold.set()
    assert nucleus.wait_for(lambda: len(answers(nucleus)) == 3)


def held_up(running, nucleus, monkeypatch, messages):
    """Have the deciding thread hang in a message, and as many as that wait behind it."""
    hold, held = threading.Event(), threading.Event()
    answer = running.core.answer

    def slow(payload):
        held.set()
        hold.wait(30)
        return answer(payload)

    monkeypatch.setattr(running.core, "answer", slow)
    for _ in range(messages + 1):
        nucleus.publish(STATE, b"{}")
        assert held.wait(10)
    return hold


def test_a_changed_configuration_has_room_behind_any_number_of_messages(
    start, nucleus, monkeypatch
):
    monkeypatch.setattr(service_module, "MOST_WAITING", 2)
    running = start().ready()
    hold = held_up(running, nucleus, monkeypatch, 5)
    assert nucleus.wait_for(lambda: running.core.telemetry._counts["messages_dropped"] == 3)
    for most in range(5, 0, -1):
        nucleus.update_configuration({"Guard": {"most_added": most}})
    hold.set()
    wait_for_settings(running, changed=["guard"])
    assert nucleus.wait_for(lambda: running.core.settings.guard == {"most_added": 1})


def test_a_full_queue_does_not_hold_up_the_end(start, nucleus, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_WAITING", 2)
    running = start().ready()
    hold = held_up(running, nucleus, monkeypatch, 3)
    assert nucleus.wait_for(lambda: running.core.telemetry._counts["messages_dropped"] == 1)
    assert running.stop() < 5
    hold.set()


def test_messages_that_are_too_long_do_not_fill_the_memory(start, nucleus, monkeypatch):
    if nucleus.nucleus.profile.name == "lite":
        pytest.skip("it takes no such messages")
    running = start().ready()
    assert running.ask({"id": "x" * (3 << 20)})["error"]["code"] == "TooLarge"
    hold = held_up(running, nucleus, monkeypatch, 0)
    for _ in range(12):
        nucleus.publish(STATE, b" " * (3 << 20))
    assert nucleus.wait_for(lambda: running.core.telemetry._counts["messages_dropped"] >= 5)
    hold.set()
    nucleus.publish(STATE, json.dumps(state(100, 100)).encode())
    assert nucleus.wait_for(lambda: any(it.get("id") == "state-100" for it in answers(nucleus)))
