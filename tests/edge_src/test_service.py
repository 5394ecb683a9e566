"""The component's life with a nucleus: the real SDK client, the emulated nucleus, real threads."""

import json
import threading
import time

from edge_policy import ipc
from edge_policy import service as service_module
from edge_policy.backoff import Backoff
from edge_policy.ipc import SdkSession, Unavailable
from edge_policy.service import STOP, Service
from tests.edge_src.nuclei import COMMAND, DECISION, STATE, telemetry
from tests.edge_src.running import wait_for_settings
from tests.edge_src.support import core, state


def test_states_are_answered_on_both_ways(start, nucleus):
    running = start().ready()
    assert nucleus.wait_for(lambda: nucleus.states == ["RUNNING"])
    answer = running.ask(state(100, 100))
    assert (answer["id"], answer["source"]) == ("state-100", "model")
    assert running.ask({**state(101), "active": "x"})["error"]["field"] == "active"
    assert nucleus.wait_for(lambda: nucleus.subscribed(COMMAND))
    answer = running.ask(state(101), COMMAND)
    assert answer["id"] == "state-101"
    assert running.told("decision")[0]["answer"] == answer
    assert running.stop() < 5
    assert running.told("summary")[-1]["counts"]["decisions"] == 2


def test_operations_that_are_missing_are_left_alone(start, nucleus, monkeypatch):
    interval = {"interval_seconds": 1}
    nucleus.update_configuration({"Telemetry": interval})
    running = start(Telemetry=interval).ready()
    running.told("summary", 2)
    lite = nucleus.nucleus.profile.name == "lite"
    off = [each["name"] for each in telemetry(nucleus, "operation")]
    assert off == (["SubscribeToComponentUpdates"] if lite else [])
    if not lite:
        nucleus.announce_update("deployment-1")
        assert nucleus.wait_for(lambda: nucleus.component.deferrals)


def test_a_lost_connection_is_made_anew(start, nucleus):
    running = start().ready()
    running.ask(state(100, 100))
    counts = running.core.telemetry._counts
    for now in range(101, 104):
        nucleus.disconnect()
        assert nucleus.wait_for(lambda wanted=now - 100: counts["disconnects"] >= wanted)
        assert nucleus.wait_for(lambda: nucleus.subscribed(STATE))
        assert running.ask(state(now))["source"] == "model"
    nucleus.refuse(True)
    nucleus.disconnect()
    assert nucleus.wait_for(lambda: nucleus.connections == 0)
    time.sleep(0.5)
    nucleus.refuse(False)
    assert nucleus.wait_for(lambda: nucleus.subscribed(STATE))
    assert running.ask(state(104))["source"] == "model"
    counts = running.core.telemetry.summarise()["counts"]
    assert counts["disconnects"] >= 4
    assert counts["connects_failed"] >= 1


class Vanishing:
    """A nucleus that takes every connection and ends it at once, and counts them."""

    def __init__(self):
        self.connections = 0

    def __call__(self, lost):
        self.connections += 1
        lost()
        return self

    def __getattr__(self, name):
        return lambda *arguments: {}


def test_connections_that_do_not_last_are_made_ever_more_seldom(tmp_path):
    vanishing = Vanishing()
    device = core(tmp_path)
    running = Service(device, vanishing, backoff=Backoff(0.05, 60.0, draw=lambda: 0.0))
    thread = threading.Thread(target=running.run)
    thread.start()
    time.sleep(1.0)
    running.signals.put(STOP)
    thread.join(10)
    assert not thread.is_alive()
    assert 2 <= vanishing.connections <= 6  # after 0.05, 0.15, 0.35, 0.75 seconds


def test_it_starts_without_a_nucleus_and_waits_for_one(start, nucleus):
    nucleus.refuse(True)
    running = start()
    time.sleep(0.3)
    assert not running.service.ready.is_set()
    nucleus.refuse(False)
    running.ready()
    assert running.ask(state(100, 100))["source"] == "model"
    nucleus.refuse(True)
    nucleus.disconnect()
    assert running.stop() < 5


def test_telemetry_waits_while_the_device_is_offline(start, nucleus):
    nucleus.connected = False
    running = start().ready()
    running.ask(state(100, 100))
    for _ in range(5):
        running.core.telemetry.event("test")
    running.stop()
    running = start().ready()
    time.sleep(0.2)
    assert telemetry(nucleus) == []
    nucleus.connected = True
    nucleus.disconnect()  # a new connection is tried at once
    running.told("test", 5)
    numbers = [each["sequence"] for each in telemetry(nucleus)]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    assert [n for i, n in enumerate(numbers) if n not in numbers[:i]] == sorted(set(numbers))


def test_without_a_disk_telemetry_is_sent_from_memory(start, nucleus, tmp_path):
    (tmp_path / "work").write_text("in the way")
    running = start().ready()
    assert running.ask(state(100, 100))["source"] == "reactive"
    assert "spool cannot be used" in running.told("disk")[0]["reason"]
    assert "cannot be unpacked" in running.told("refused")[0]["reason"]
    assert running.stop() < 5
    assert running.told("summary")[0]["sequence"] is None


def test_a_disk_that_is_full_for_a_while_keeps_no_summary_back(start, nucleus, monkeypatch):
    running = start().ready()
    running.told("settings")
    put = running.core.spool.put

    def full(content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running.core.spool, "put", full)
    running.core.summarise()
    assert running.told("summary")[0]["sequence"] is None
    monkeypatch.setattr(running.core.spool, "put", put)
    running.core.summarise()
    assert running.told("summary", 2)[1]["sequence"] > 0
    assert telemetry(nucleus, "summary")[1]["lost"] == 1


def test_settings_change_while_it_runs(start, nucleus):
    running = start().ready()
    free = running.ask(state(100, 100, active=1, pending=[]))["desired"]
    nucleus.update_configuration({"Guard": {"most_added": 2}})
    wait_for_settings(running, changed=["guard"])
    assert running.ask(state(101, active=1, pending=[]))["desired"] == 3 < free
    nucleus.update_configuration({"Guard": {"most_added": "many"}})
    wait_for_settings(running, refused="Guard.most_added: guard: most_added must be")
    assert running.ask(state(101, active=1, pending=[]))["desired"] == 3


def test_rights_that_are_missing_are_told(start, nucleus):
    nucleus.component.configuration.merge({}, ("accessControl", "aws.greengrass.ipc.mqttproxy"))
    policies = nucleus.component.configuration.read(("accessControl",))
    for section in policies.values():
        for policy in section.values():
            policy["resources"] = ["elsewhere"]
    nucleus.update_configuration(policies, ("accessControl",))
    running = start()
    assert nucleus.wait_for(lambda: running.core.telemetry._events["denied"] >= 2)
    assert not running.service.ready.is_set()
    assert running.stop() < 5


def test_a_topic_of_states_that_is_not_allowed_is_told_and_tried_again(start, nucleus):
    topics = nucleus.component.configuration.read(("Topics",))
    nucleus.update_configuration({"Topics": {**topics, "state": "elsewhere"}})
    running = start()
    assert running.told("denied")[0]["topic"] == "elsewhere"
    assert not running.service.ready.is_set()
    nucleus.update_configuration({"Topics": topics})
    running.ready()
    assert running.ask(state(100, 100))["source"] == "model"


def test_an_answer_that_may_not_be_sent_is_counted(start, nucleus):
    policies = nucleus.component.configuration.read(("accessControl",))
    for policy in policies["aws.greengrass.ipc.pubsub"].values():
        if policy["resources"] == [DECISION]:
            policy["resources"] = ["elsewhere"]
    nucleus.update_configuration(policies, ("accessControl",))
    running = start().ready()
    nucleus.publish(STATE, json.dumps(state(100, 100)).encode())
    assert running.told("denied")[0]["topic"] == DECISION
    assert running.core.summarise()["counts"]["answers_lost"] == 1


def test_commands_that_may_not_be_received_stop_nothing(start, nucleus):
    policies = nucleus.component.configuration.read(("accessControl",))
    for policy in policies["aws.greengrass.ipc.mqttproxy"].values():
        if policy["resources"] == ["cmd/com.example.Policy/{iot:thingName}/state"]:
            policy["resources"] = ["elsewhere"]
    nucleus.update_configuration(policies, ("accessControl",))
    running = start().ready()
    assert running.ask(state(100, 100))["source"] == "model"
    assert running.told("denied")[0]["topic"] == COMMAND


def test_commands_are_subscribed_to_once_aws_iot_core_is_there(start, nucleus, monkeypatch):
    monkeypatch.setattr(service_module, "COMMAND_SECONDS", 0.1)
    subscribe, tries = SdkSession.on_cloud, []

    def offline(self, topic, receive):
        tries.append(topic)
        if len(tries) < 3:
            raise Unavailable("ServiceError")
        subscribe(self, topic, receive)

    monkeypatch.setattr(SdkSession, "on_cloud", offline)
    running = start().ready()
    assert nucleus.wait_for(lambda: nucleus.subscribed(COMMAND))
    assert tries == [COMMAND] * 3
    assert running.ask(state(100, 100), COMMAND)["source"] == "model"


def test_a_device_that_starts_offline_is_answered_once_by_the_cloud(start, nucleus, monkeypatch):
    """The Java nucleus answers no subscription before it has reached AWS, then all of them."""
    monkeypatch.setattr(service_module, "COMMAND_SECONDS", 0.1)
    monkeypatch.setattr(ipc, "CLOUD_SECONDS", 0.1)
    nucleus.connected = False
    running = start().ready()
    assert running.ask(state(100, 100))["source"] == "model"
    time.sleep(1.0)  # some attempts
    nucleus.connected = True
    assert nucleus.wait_for(lambda: nucleus.subscribed(COMMAND))
    time.sleep(0.5)
    assert nucleus.publish_from_iot_core(COMMAND, state(101, 100)) == 1
    assert nucleus.wait_for(lambda: len(nucleus.messages(DECISION)) == 2)
    time.sleep(0.3)
    assert len(nucleus.messages(DECISION)) == 2


def test_a_whole_number_names_a_message_whatever_the_nucleus_makes_of_it(start, nucleus):
    running = start().ready()
    nucleus.publish(STATE, {**state(100, 100), "id": 7})
    assert nucleus.wait_for(lambda: nucleus.messages(DECISION))
    [answer] = [json.loads(each.payload) for each in nucleus.messages(DECISION)]
    assert (answer["id"], answer["source"]) == (7, "model")
    assert running.stop() < 5


def test_a_fault_in_one_message_does_not_end_the_thread(start, nucleus, monkeypatch):
    running = start().ready()
    answer = running.core.answer
    monkeypatch.setattr(running.core, "answer", lambda payload: 1 / 0)
    nucleus.publish(STATE, b"{}")
    assert "ZeroDivisionError" in running.told("fault")[0]["reason"]
    monkeypatch.setattr(running.core, "answer", answer)
    assert running.ask(state(100, 100))["source"] == "model"


def test_another_interval_of_summaries_holds_at_once(start, nucleus):
    running = start().ready()
    assert not telemetry(nucleus, "summary")
    nucleus.update_configuration({"Telemetry": {"interval_seconds": 1}})
    assert running.told("summary", 2)


def test_what_keeps_it_from_connecting_and_telling_is_in_the_log(start, nucleus, caplog):
    nucleus.connected = nucleus.nucleus.profile.spools
    nucleus.refuse(True)
    running = start()
    counts = running.core.telemetry._counts
    assert nucleus.wait_for(lambda: counts["connects_failed"] >= 1)
    assert "not connected: no connection to the nucleus" in caplog.text
    nucleus.refuse(False)
    running.ready()
    if not nucleus.connected:
        assert nucleus.wait_for(lambda: "telemetry waits for" in caplog.text)


def test_a_model_that_hangs_does_not_hold_up_the_end(start, nucleus, monkeypatch):
    running = start().ready()
    hold = threading.Event()
    monkeypatch.setattr(running.core, "answer", lambda payload: hold.wait(30))
    nucleus.publish(STATE, b"{}")
    time.sleep(0.2)
    assert running.stop() < 5
    hold.set()


def test_a_signal_whose_handler_could_not_run_yet_is_seen_soon(start, monkeypatch):
    """It comes just before the main thread waits: the wait must end by itself."""
    running = start().ready()
    waited, get = [], running.service.signals.get

    class Noting:
        put = running.service.signals.put

        def get(self, timeout):
            waited.append(timeout)
            return get(timeout=timeout)

    running.service.signals = Noting()
    time.sleep(1.2)
    assert waited
    assert max(waited) <= 0.5
    assert running.stop() < 5
