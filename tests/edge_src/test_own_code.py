"""Models whose own code ends, fails or says odd things: deciding and telemetry go on."""

import pytest

from tests.edge_src.support import ask, bank_artifact, core, events, packed, relist, state

FOLLOWER = "code/controller/follower.py"
EXIT = "import sys\n"


@pytest.fixture
def spoil(tmp_path):
    """Return a model.tar.gz to whose code something was added."""

    def spoiled(addition, file=FOLLOWER):
        folder = bank_artifact(tmp_path / "spoiled", seed=3)
        code = folder / file
        code.write_text(f"{code.read_text()}\n{EXIT}{addition}\n")
        relist(folder)
        return packed(folder)

    return spoiled


def method(name, body):
    return f"def _{name}(self, *arguments, **named):\n    {body}\nFollower.{name} = _{name}"


def decided(change):
    """Have the follower's decisions differ."""
    return (
        "from dataclasses import replace as _replace\n_decide = Follower.decide\n"
        "def _changed(self, *arguments, **named):\n"
        "    decision = _decide(self, *arguments, **named)\n"
        f"    return _replace(decision, {change})\n"
        "Follower.decide = _changed"
    )


def asked(device, minutes=4):
    return [ask(device, state(now, now if now == 100 else 1)) for now in range(100, 100 + minutes)]


@pytest.mark.parametrize(
    "body",
    ["sys.exit(3)", "raise KeyboardInterrupt", "raise GeneratorExit", "raise ZeroDivisionError"],
)
def test_code_that_would_end_a_thread_is_a_model_that_fails(tmp_path, spoil, body):
    device = core(tmp_path / "work", spoil(method("decide", body)))
    answers = asked(device)
    assert [each["source"] for each in answers] == ["reactive"] * 4
    assert [each["count"] for each in events(device, "failed")] == [1, 2]


@pytest.mark.parametrize("body", ["sys.exit(3)", "raise ZeroDivisionError"])
def test_work_ahead_that_fails_is_a_model_that_fails(tmp_path, spoil, body):
    device = core(tmp_path / "work", spoil(method("prepare", body)))
    answers = asked(device)
    assert [each["source"] for each in answers] == ["model", "model", "reactive", "reactive"]
    assert [each["count"] for each in events(device, "failed")] == [1, 2]


@pytest.mark.parametrize("ending", ["sys.exit(3)", "raise KeyboardInterrupt"])
def test_code_that_ends_at_its_import_is_refused_at_once(tmp_path, spoil, ending):
    device = core(tmp_path / "work", spoil(ending, "code/controller/guard.py"))
    assert asked(device)[-1]["source"] == "reactive"
    assert "cannot be imported" in events(device, "refused")[0]["reason"]


def test_a_memory_that_fails_holds_up_no_end(tmp_path, spoil):
    device = core(tmp_path / "work", spoil(method("memory", "sys.exit(3)")))
    assert asked(device)[-1]["source"] == "model"
    device.close()
    assert "SystemExit" in events(device, "failed")[0]["reason"]


def test_a_memory_that_cannot_be_taken_over_is_a_failed_decision(tmp_path, spoil):
    model = spoil(method("restore", "sys.exit(3)"))
    device = core(tmp_path / "work", model)
    asked(device)
    device.close()
    device = core(tmp_path / "work", model)
    answers = [ask(device, state(now)) for now in (104, 105)]
    assert [each["source"] for each in answers] == ["reactive", "model"]


def test_settings_that_its_code_fails_with_leave_it_deciding(tmp_path, spoil):
    device = core(tmp_path / "work", spoil(method("use_guard", "raise ZeroDivisionError")))
    device.configure({"Guard": {"most_added": 3}})
    assert asked(device)[-1]["source"] == "model"
    assert "ZeroDivisionError" in events(device, "failed")[0]["reason"]


@pytest.mark.parametrize(
    "features",
    ["lambda: sys.exit(3)", "lambda: {'level': 'high'}", "lambda: 5"],
)
def test_features_that_cannot_be_told_leave_a_summary(tmp_path, spoil, features):
    device = core(tmp_path / "work", spoil(decided(f"features={features}")))
    assert asked(device)[-1]["source"] == "model"
    assert device.summarise()["counts"]["decisions"] == 4
    assert "features" in events(device, "fault")[0]["reason"]


def test_features_that_are_no_json_are_left_out(tmp_path, spoil):
    given = "{'a': float('nan'), 'b': float('-inf'), 'c' * 200: 1.23456}"
    device = core(tmp_path / "work", spoil(decided(f"features=lambda: {given}")))
    asked(device)
    assert device.summarise()["features"] == {"c" * 64: 1.2346}


@pytest.mark.parametrize(
    "doubts", ["([1],)", "({2},)", "['range']", "('d' * 65,)", "('d',) * 21", "None"]
)
def test_doubts_that_cannot_be_told_are_no_decision(tmp_path, spoil, doubts):
    change = f"guarded=_replace(decision.guarded, doubts={doubts})"
    device = core(tmp_path / "work", spoil(decided(change)))
    assert asked(device)[-1]["source"] == "reactive"
    assert "no decision" in events(device, "failed")[0]["reason"]


def test_a_number_without_end_is_no_decision(tmp_path, spoil):
    change = "guarded=_replace(decision.guarded, desired=10 ** 5000)"
    device = core(tmp_path / "work", spoil(decided(change)))
    assert asked(device)[-1]["source"] == "reactive"
    assert [each["count"] for each in events(device, "failed")] == [1, 2]


def test_a_version_is_short(tmp_path, spoil):
    addition = (
        "_made = Inference.__init__\ndef _long(self, *arguments, **named):\n"
        "    _made(self, *arguments, **named)\n    self.version = 'v' * 20000\n"
        "Inference.__init__ = _long"
    )
    device = core(tmp_path / "work", spoil(addition, "code/controller/inference.py"))
    assert asked(device)[-1]["model_version"] == "v" * 64
