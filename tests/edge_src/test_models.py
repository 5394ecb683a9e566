"""Which model decides, over deployments, bad models, crashes and full disks."""

import gzip
import shutil

import numpy as np
import pytest

from edge_policy import files, store
from edge_policy.artifact import BadModel
from edge_policy.model import Model
from edge_policy.store import CURRENT, LAST_GOOD, Store
from tests.edge_src.support import (
    LOAD,
    ask,
    core,
    events,
    every_call,
    packed,
    relist,
    state,
)

LIMITS = {"crash_limit": 2, "good_decisions": 3}


@pytest.fixture
def device(tmp_path):
    """Start the component with a model, as a deployment does."""
    return lambda model, **changes: core(tmp_path / "work", model, Models=LIMITS, **changes)


def spoiled(offered, folder, how):
    """Return a model.tar.gz that is bad in some way."""
    copy = shutil.copytree(offered["other"].with_name("other"), folder / "spoiled")
    if how == "checksum":
        (copy / "policy.npz").write_bytes(b"x")
    elif how == "golden":
        with np.load(copy / "golden.npz") as arrays:
            golden = dict(arrays)
        np.savez(copy / "golden.npz", **{**golden, "actions": golden["actions"] + 1})
        relist(copy)
    elif how == "code":
        (copy / "code/controller/bank.py").write_text("raise SystemError('broken')")
        relist(copy)
    path = packed(copy)
    if how == "archive":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "bytes":
        path.write_bytes(gzip.compress(b"garbage"))
    return path


def prove(device):
    """Have the model decide often enough to be the last good one."""
    ask(device, state(100, 100))
    for now in range(101, 104):
        ask(device, state(now))
    device.close()


def test_a_model_proves_itself(device, offered, tmp_path):
    started = device(offered["bank"])
    pointers = Store(tmp_path / "work/models")
    assert pointers.pointer(CURRENT) == started.models.active.id
    assert pointers.pointer(LAST_GOOD) is None
    ask(started, state(100, 100))
    ask(started, state(101))
    assert pointers.starts(started.models.active.id) == 1
    ask(started, state(102))
    assert pointers.pointer(LAST_GOOD) == started.models.active.id
    assert pointers.starts(started.models.active.id) == 0
    kinds = [each["type"] for each in events(started)]
    assert kinds.count("good") == kinds.count("model") == 1


@pytest.mark.parametrize("how", ["checksum", "golden", "code", "archive", "bytes", "none"])
def test_a_bad_model_leaves_the_last_good_one_deciding(device, offered, tmp_path, how):
    prove(device(offered["bank"]))
    path = tmp_path / "none.tar.gz" if how == "none" else spoiled(offered, tmp_path, how)
    started = device(path)
    assert ask(started, state(104))["source"] == "last_good"
    refused = events(started, "refused")
    assert len(refused) == 1
    assert refused[0]["reason"]
    assert "\n" not in refused[0]["reason"]
    started.close()
    started = device(offered["other"])  # a good one heals
    assert ask(started, state(105))["source"] == "model"


@pytest.mark.parametrize("how", ["checksum", "golden", "code", "archive", "bytes", "none"])
def test_without_a_last_good_model_the_rule_decides(device, offered, tmp_path, how):
    path = tmp_path / "none.tar.gz" if how == "none" else spoiled(offered, tmp_path, how)
    started = device(path)
    answer = ask(started, state(100, 100))
    assert (answer["source"], answer["fallback"]) == ("reactive", True)
    assert answer["desired"] == int(np.ceil(LOAD[85:100].max() / (0.6 * 250)))
    assert events(started, "model")[-1]["source"] == "reactive"


def test_a_deployment_without_a_model_is_the_rule(device, offered):
    prove(device(offered["bank"]))
    started = device(None)
    assert ask(started, state(104))["source"] == "reactive"


def test_a_model_that_crashes_the_process_is_abandoned(device, offered):
    """Nucleus lite starts a component three times: the third must not crash again."""
    prove(device(offered["bank"]))
    for _ in range(2):
        started = device(offered["other"])
        assert ask(started, state(104))["source"] == "model"
        # The process is killed here.
    started = device(offered["other"])
    assert ask(started, state(105))["source"] == "last_good"
    reasons = [each["reason"] for each in events(started, "refused")]
    assert reasons == ["crashed the process 2 times in a row"]
    started.close()
    started = device(offered["other"])
    assert started.models.source == "last_good"
    assert "abandoned: crashed" in events(started, "refused")[-1]["reason"]
    started.close()
    # Another offer, and the same once more after it.
    device(offered["plain"]).close()
    assert device(offered["other"]).models.source == "model"


def test_a_last_good_model_that_crashes_leaves_the_rule(device, offered):
    prove(device(offered["bank"]))
    for _ in range(2):
        device(offered["bank"])
    assert ask(device(offered["bank"]), state(104))["source"] == "reactive"


def test_an_end_in_good_order_is_no_crash(device, offered):
    for _ in range(5):
        started = device(offered["bank"])
        assert started.models.source == "model"
        started.close()


def test_a_power_cut_is_no_crash(device, offered, monkeypatch):
    for boot in range(5):
        monkeypatch.setattr(store, "_boot", lambda boot=boot: str(boot))
        assert device(offered["bank"]).models.source == "model"


def test_a_model_in_doubt_does_not_prove_itself(device, offered, tmp_path):
    started = device(offered["bank"], Guard={"range_limit": 1e-6})
    for now in range(100, 110):
        answer = ask(started, state(now, now if now == 100 else 1))
        assert answer["doubts"] == ["range"]
    assert Store(tmp_path / "work/models").pointer(LAST_GOOD) is None


def test_missing_input_says_nothing_of_a_model(device, offered, tmp_path):
    started = device(offered["bank"])
    ask(started, state(100, 100))
    for now in range(104, 110):
        ask(started, {**state(now), "load": [None]})
    assert Store(tmp_path / "work/models").pointer(LAST_GOOD) == started.models.active.id


def test_the_older_models_are_removed(device, offered, tmp_path):
    for name in ("bank", "other", "plain"):
        prove(device(offered[name]))
    started = device(offered["bank"])
    kept = {each.name for each in (tmp_path / "work/models").iterdir() if each.is_dir()}
    assert kept == {started.models.active.id, Store(tmp_path / "work/models").pointer(LAST_GOOD)}


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["end", "full"])
def test_whatever_fails_while_models_change_there_is_one_that_decides(
    device, offered, tmp_path, monkeypatch, how, step
):
    work = tmp_path / "work"
    prove(device(offered["bank"]))
    shutil.copytree(work, tmp_path / "before")

    def prepare():
        shutil.rmtree(work)
        shutil.copytree(tmp_path / "before", work)

    def switch(_):
        started = device(offered["other"])
        for now in range(104, 108):
            assert ask(started, state(now))["source"] in ("model", "last_good")
        started.close()

    tried = 0
    for _ in every_call(monkeypatch, [files, store], switch, how=how, prepare=prepare, step=step):
        tried += 1
        for model in ("other", "bank"):
            started = device(offered[model])
            assert ask(started, state(108))["source"] == "model"
            started.close()
    assert tried > 100 / step


def test_another_runtime_is_loaded_at_once(device, offered):
    started = device(offered["plain"])
    ask(started, state(100, 100))
    started.configure({"Runtime": "onnx"})
    assert started.models.active.runtime == "onnx"
    answer = ask(started, state(101))
    started.configure({"Runtime": "numpy"})
    assert ask(started, state(101)) == answer
    assert started.summarise()["runtime"] == "numpy"


def test_a_runtime_that_cannot_be_loaded_leaves_the_model(device, offered, monkeypatch):
    started = device(offered["plain"])
    before = started.models.active

    def refuse(*arguments, **named):
        raise BadModel("no")

    monkeypatch.setattr("edge_policy.models.Model", refuse)
    started.configure({"Runtime": "onnx"})
    assert started.models.active is before
    assert events(started, "refused")[-1]["reason"] == "no"


def test_settings_of_the_guard_hold_at_once(device, offered, monkeypatch):
    for name in ("bank", "plain"):
        started = device(offered[name])
        ask(started, state(100, 100))
        free = ask(started, state(101, active=0, pending=[]))["desired"]
        started.configure({"Guard": {"most_added": 2}})
        assert ask(started, state(101, active=0, pending=[]))["desired"] == 2 < free
        started.configure({"Guard": {"most_added": -2}})
        assert ask(started, state(101, active=0, pending=[]))["desired"] == 2
        started.configure({"Guard": {}})
        assert ask(started, state(101, active=0, pending=[]))["desired"] == free
        told = events(started, "settings")
        assert [each["changed"] for each in told[-3:]] == [["guard"], [], ["guard"]]
        assert told[-2]["refused"][0].startswith("Guard.most_added")
        monkeypatch.setattr("edge_policy.model._optional", lambda name: None)


def test_the_rule_takes_its_settings_from_the_guards(device):
    started = device(None)
    before = ask(started, state(100, 100))["desired"]
    started.configure({"Guard": {"reactive_target": 0.3}})
    assert ask(started, state(100))["desired"] == pytest.approx(2 * before, abs=1)


def test_what_the_model_says_of_settings_is_told_at_the_start(device, offered):
    started = device(offered["bank"], Guard={"no_such": 1, "most_added": 2})
    told = events(started, "settings")
    assert "Guard.no_such: guard: unknown setting" in told[-1]["refused"][-1]
    assert started.models.source == "model"
    assert ask(started, state(100, 100, active=1, pending=[]))["desired"] == 3


def test_a_model_is_loaded_with_its_guard_settings_alone(offered, tmp_path):
    kept = Store(tmp_path)
    model = Model(kept.path(kept.take(offered["bank"])), guard={}, runtime="numpy")
    assert model.manifest["guard"]["range_limit"] == 20.0
    assert model._inference.guard_settings.range_limit == 20.0
