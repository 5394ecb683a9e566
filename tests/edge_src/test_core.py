"""The parts together: disks that cannot be used, configurations that come again."""

from edge_policy.model import Model
from edge_policy.store import LAST_GOOD, Store
from tests.edge_src.support import ask, core, events, state


def test_without_any_disk_the_rule_decides(tmp_path, offered):
    (tmp_path / "file").write_text("in the way")
    device = core(tmp_path / "file" / "work", offered["bank"])
    for now in range(100, 103):
        answer = ask(device, state(now, now if now == 100 else 1))
        assert answer["source"] == "reactive"
    summary = device.summarise()
    assert summary["disk_faults"] > 0
    assert summary["lost"] > 0
    assert summary["waiting"] is None
    device.close()


def test_a_damaged_history_is_told(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    ask(device, state(100, 100))
    device.close()
    snapshot = tmp_path / "history" / "snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-5])
    device = core(tmp_path, offered["bank"])
    assert "most of the last two weeks is missing" in events(device, "disk")[0]["reason"]
    assert ask(device, state(101))["doubts"] == ["short"]


def test_the_spool_takes_its_limit_from_the_settings(tmp_path):
    device = core(tmp_path, Telemetry={"spool_megabytes": 2})
    assert device.spool.most_bytes == 2 << 20
    device.configure({"Telemetry": {"spool_megabytes": 3}})
    assert device.spool.most_bytes == 3 << 20


def test_the_same_configuration_again_tells_nothing(tmp_path, offered):
    device = core(tmp_path, offered["bank"])
    events(device)
    device.configure({"Guard": {"peak": 1}})
    device.configure({"Guard": {"peak": 1}})
    assert len(events(device, "settings")) == 1
    device.configure({})
    assert len(events(device, "settings")) == 1


def test_limits_of_models_that_a_deployment_sets_hold_at_once(tmp_path, offered, monkeypatch):
    """As in a device: the nucleus tells its configuration only after the component has begun."""
    store = Store(tmp_path / "models")
    device = core(tmp_path, offered["bank"])
    device.configure({"Models": {"crash_limit": 1, "good_decisions": 2}})
    first = device.models.active.id
    ask(device, state(100, 100))
    assert store.pointer(LAST_GOOD) is None
    ask(device, state(101))
    assert store.pointer(LAST_GOOD) == first
    device.close()
    device = core(tmp_path, offered["other"])
    device.configure({"Models": {"crash_limit": 1, "good_decisions": 2}})
    monkeypatch.setattr(Model, "decide", broken)
    assert ask(device, state(102))["source"] == "reactive"
    assert device.models.active.id == first  # after one failure alone


def test_a_lower_limit_counts_what_was_decided_before(tmp_path, offered):
    device = core(tmp_path, offered["bank"], Models={"good_decisions": 100})
    for now in range(100, 105):
        ask(device, state(now, now if now == 100 else 1))
    device.configure({"Models": {"good_decisions": 3}})
    ask(device, state(105))
    ask(device, state(106))
    assert [each["type"] for each in events(device)].count("good") == 1


def broken(*_, **__):
    raise RuntimeError("no")
