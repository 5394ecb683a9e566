"""Messages in, answers out: what the artifact decides from all the load, minute by minute."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_policy import memory as memory_file
from edge_policy.model import Model
from tests.edge_src.support import (
    LOAD,
    START,
    agrees,
    ask,
    core,
    events,
    reference,
    state,
    timestamp,
)


@pytest.mark.parametrize("name", ["bank", "plain"])
@pytest.mark.parametrize("follower", [True, False])
def test_every_minute_is_decided_as_from_all_the_load(
    tmp_path, offered, folders, monkeypatch, name, follower
):
    if not follower:  # as with artifacts that were made before there were any
        monkeypatch.setattr("edge_policy.model._optional", lambda name: None)
    device = core(tmp_path, offered[name])
    ask(device, state(90, 90))
    for now in range(91, 190):
        answer = ask(device, state(now, active=now % 40))
        assert answer["id"] == f"state-{now}"
        assert (answer["source"], answer["fallback"]) == ("model", False)
        if now % 7 == 0 or now in (101, 140):
            assert agrees(answer, reference(folders[name], now, active=now % 40))


def test_answers_have_the_same_form_whatever_decides(tmp_path, offered):
    keys = {"id", "desired", "action", "model_version", "source", "fallback", "doubts"}
    with_model = ask(core(tmp_path / "a", offered["bank"]), state(90, 90))
    without = ask(core(tmp_path / "b"), state(90, 90))
    assert set(with_model) == set(without) == keys
    assert without["source"] == without["model_version"] == "reactive"
    assert (without["fallback"], without["doubts"]) == (True, ["no_model"])
    assert without["action"] == without["desired"] - 22


def test_a_restart_misses_no_minute(tmp_path, offered, folders):
    ask(core(tmp_path, offered["bank"]), state(90, 90))
    for now in range(91, 111):  # each in a process of its own, none ended in good order
        device = core(tmp_path, offered["bank"], Models={"crash_limit": 100, "good_decisions": 5})
        answer = ask(device, state(now))
        assert agrees(answer, reference(folders["bank"], now))
    assert len(device.decider.history.timeline.load) == 110


def test_the_memory_on_disk_spares_a_bank_made_anew(tmp_path, offered, folders, monkeypatch):
    device = core(tmp_path, offered["bank"])
    ask(device, state(200, 200))
    device.close()
    for now in (201, 202):
        device = core(tmp_path, offered["bank"])
        assert agrees(ask(device, state(now)), reference(folders["bank"], now))
        assert device.models.active._follower.rebuilt == 0
    device.close()
    (tmp_path / "memory").write_bytes(b"garbage\xff")
    device = core(tmp_path, offered["bank"])
    assert agrees(ask(device, state(203)), reference(folders["bank"], 203))
    assert device.models.active._follower.rebuilt == 1
    monkeypatch.setattr(memory_file, "SECONDS", 0.0)
    ask(device, state(204))
    assert (tmp_path / "memory").read_bytes().startswith(device.models.active.id.encode())


def test_missing_minutes_are_missing_for_the_policy(tmp_path, offered, folders):
    device = core(tmp_path, offered["bank"])
    ask(device, state(150, 150))
    answer = ask(device, state(156))  # five minutes were never told
    load = LOAD.copy()
    load[150:155] = np.nan
    assert agrees(answer, reference(folders["bank"], 156, load=load))
    answer = ask(device, {**state(159), "load": [None]})
    assert (answer["fallback"], answer["doubts"]) == (True, ["stale"])
    assert agrees(answer, reference(folders["bank"], 159, load=np.append(load[:156], [np.nan] * 3)))


def test_a_minute_that_is_corrected_is_decided_from_as_corrected(tmp_path, offered, folders):
    device, load = core(tmp_path, offered["bank"]), LOAD.copy()
    ask(device, state(150, 150))
    for now in range(151, 171):
        count = 1
        if now % 5 == 0:
            load[now - 3] *= 4  # was told otherwise two minutes ago
            count = 3
        answer = ask(device, state(now, count, load=load))
        assert agrees(answer, reference(folders["bank"], now, load=load))
    assert device.models.active._follower.rebuilt == 1 + 4


def test_a_message_without_load_is_decided_from_what_is_known(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    ask(device, state(150, 150))
    message = state(151)
    del message["load"]
    assert ask(device, message)["source"] == "model"
    empty = core(tmp_path / "empty", offered["bank"])
    answer = ask(empty, message)
    assert (answer["source"], answer["desired"]) == ("reactive", 22)
    assert answer["doubts"] == ["no_model", "stale"]


def test_the_same_minute_again_gets_the_same_answer(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    ask(device, state(150, 150))
    first = ask(device, state(151))
    assert ask(device, state(151)) == first
    assert device.models.active._follower.rebuilt == 1


def test_a_message_that_comes_twice_is_not_held_up_by_its_own_decision(tmp_path, offered):
    device = core(tmp_path, offered["bank"], Guard={"out_cooldown_minutes": 5, "most_added": 4})
    ask(device, state(150, 150))
    few = {"active": 1, "pending": []}
    first = ask(device, state(160, **few))
    assert first["action"] == 4
    assert ask(device, state(160, **few)) == first
    # Whoever asks again with another fleet does not get around the cool-down.
    assert ask(device, state(160, active=1, pending=[4]))["action"] == 0
    assert ask(device, state(160, **few)) == first
    assert ask(device, state(161, **few))["action"] == 0
    assert ask(device, state(160, **few))["action"] == 4
    device.configure({"Guard": {"most_added": 7}})
    assert ask(device, state(160, **few))["action"] == 7


def test_a_wrong_message_is_answered_within_what_nucleus_lite_takes(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    answer = ask(device, state(100, 100, **{"é" * 3000: 1}))
    assert answer["error"]["message"].startswith("unknown key")
    assert len(json.dumps(answer)) < 2000


def test_a_message_again_after_a_kill_is_not_held_up_by_its_own_decision(tmp_path, offered):
    few = {"active": 1, "pending": []}
    chosen = {"Guard": {"out_cooldown_minutes": 10}, "Models": {"crash_limit": 100}}
    device = core(tmp_path, offered["bank"], **chosen)
    ask(device, state(150, 150, active=60))
    first = ask(device, state(151, **few))
    assert first["action"] > 0
    device = core(tmp_path, offered["bank"], **chosen)  # nobody got the answer
    assert ask(device, state(151, **few)) == first
    device = core(tmp_path, offered["bank"], **chosen)
    assert ask(device, state(152, **few))["action"] == 0


def test_cool_downs_are_kept_over_a_restart(tmp_path, offered):
    guard = {"in_cooldown_minutes": 10, "out_cooldown_minutes": 3}
    device = core(tmp_path, offered["bank"], Guard=guard)
    first = ask(device, state(100, 100, active=1, pending=[]))
    assert first["action"] > 0
    device = core(tmp_path, offered["bank"], Guard=guard)
    busy = {"active": 500, "pending": []}
    assert ask(device, state(101, **busy))["action"] == 0
    assert ask(device, state(102, active=1, pending=[]))["action"] == 0
    assert ask(device, state(103, active=1, pending=[]))["action"] > 0
    for now in range(104, 113):
        assert ask(device, state(now, **busy))["action"] == 0
    assert ask(device, state(113, **busy))["action"] < 0
    assert ask(device, state(114, **busy))["action"] == 0
    # Whoever knows better may say so.
    assert ask(device, state(115, **busy, minutes_since_removed=60, minutes_since_added=60))[
        "action"
    ] < 0  # fmt: skip


def test_what_the_model_refuses_is_answered_with_its_reason(tmp_path, offered):
    for name in ("bank", "plain"):
        device = core(tmp_path / name, offered[name])
        ask(device, state(100, 100))
        error = ask(device, state(101, warmup_minutes=-1))["error"]
        assert error["field"] == "warmup_minutes"
        assert ask(device, state(101, min_machines=9, max_machines=3))["error"]["field"]
        assert ask(device, state(101, no_such_key=1))["error"]["message"].startswith("unknown key")
        assert ask(device, b"{")["error"]["field"] is None
        assert ask(device, {**state(101), "active": -1})["id"] == "state-101"
        assert ask(device, state(101))["source"] == "model"
    without = core(tmp_path / "none")
    assert ask(without, state(101, min_machines=9, max_machines=3))["error"]["field"]


def test_observations_are_answered_by_a_model_of_observations(tmp_path, offered):
    device = core(tmp_path / "a", offered["cartpole"])
    rows = np.random.default_rng(0).normal(size=(3, 4)).tolist()
    answer = ask(device, {"id": 5, "observations": rows})
    assert (answer["id"], len(answer["actions"]), answer["source"]) == (5, 3, "model")
    assert ask(device, {"observations": [[1]]})["error"]["code"] == "InvalidRequest"
    assert ask(device, state(100, 100))["source"] == "reactive"
    for name in (None, "bank"):
        device = core(tmp_path / str(name), name and offered[name])
        answer = ask(device, {"id": 6, "observations": rows})
        assert (answer["id"], answer["error"]["code"]) == (6, "NoModel")


def test_a_model_that_fails_is_left_and_nothing_stays_unanswered(tmp_path, offered, monkeypatch):
    device = core(tmp_path, offered["other"], Models={"crash_limit": 2, "good_decisions": 3})
    for now in range(100, 104):
        ask(device, state(now, now if now == 100 else 1))
    device.close()
    device = core(tmp_path, offered["bank"])
    bad, decide = device.models.active.id, Model.decide

    def failing(self, *arguments, **named):
        if self.id == bad:
            raise ZeroDivisionError("in the model")
        return decide(self, *arguments, **named)

    monkeypatch.setattr(Model, "decide", failing)
    sources = [ask(device, state(now))["source"] for now in range(104, 109)]
    assert sources == ["reactive", "reactive", "last_good", "last_good", "last_good"]
    found = events(device)
    assert [each["count"] for each in found if each["type"] == "failed"] == [1, 2]
    assert "ZeroDivisionError" in next(each["reason"] for each in found if each["type"] == "failed")
    device.close()
    device = core(tmp_path, offered["bank"])  # the same offer again
    assert device.models.source == "last_good"
    assert "abandoned: failed 2 decisions" in events(device, "refused")[0]["reason"]


def test_a_decision_that_no_fleet_can_follow_counts_as_failed(tmp_path, offered, monkeypatch):
    device = core(tmp_path, offered["bank"])
    ask(device, state(100, 100))
    decide = Model.decide
    for change in ({"desired": 1.5}, {"desired": True}, {"desired": -1}, {"action": 99}):

        def wrong(self, *arguments, _change=change, **named):  # fmt: skip
            outcome = decide(self, *arguments, **named)
            vars(outcome).update(_change)
            return outcome

        monkeypatch.setattr(Model, "decide", wrong)
        assert ask(device, state(101))["source"] == "reactive"
        monkeypatch.setattr(Model, "decide", decide)
        assert ask(device, state(101))["source"] == "model"


def test_a_model_of_observations_that_fails_says_so(tmp_path, offered, monkeypatch):
    device = core(tmp_path, offered["cartpole"])
    monkeypatch.setattr(Model, "act", lambda self, rows: 1 / 0)
    for _ in range(2):
        assert ask(device, {"observations": [[0.0] * 4]})["error"]["code"] == "ModelFailed"
    assert ask(device, {"observations": [[0.0] * 4]})["error"]["code"] == "NoModel"


def test_the_time_of_the_last_decision_is_told(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    ask(device, state(100, 100))
    summary = device.summarise()
    assert summary["last"]["timestamp"] == timestamp(START + 100)
    assert datetime.fromisoformat(summary["last"]["timestamp"]).tzinfo == UTC
    assert summary["features"]["level"] > 0
    assert summary["counts"]["decisions"] == 1
    assert summary["latency_ms"]["max"] > 0


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
keys = st.sampled_from([*state(300), "min_machines", "max_machines", "failed", "boot_minutes"])


def test_whatever_comes_there_is_an_answer(tmp_path, offered):
    device = core(tmp_path, offered["bank"])

    @settings(max_examples=150)
    @given(st.dictionaries(keys, anything, max_size=3), st.integers(-5, 5))
    def fuzz(changes, minutes):
        answer = ask(device, {**state(300 + minutes, 2), **changes})
        assert ("error" in answer) != ("desired" in answer)
        if "desired" in answer:
            assert answer["source"] == "model" or "no_model" in answer["doubts"]

    fuzz()
    assert not events(device, "failed")
    assert not events(device, "fault")
