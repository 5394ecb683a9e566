"""What a job reports: every metric definition matches a line that is really printed."""

import io
import json
import re
import subprocess
import sys

import pytest

from autoscaling_rl import metrics
from autoscaling_rl.errors import UserError
from autoscaling_rl.event_files import EventFile
from autoscaling_rl.metrics import NAMES, Reporter, definitions, number
from autoscaling_rl.progress import Progress

# As RLEstimator of the SageMaker SDK 2.257 sent them for its toolkits COACH and RAY.
NUMBER = r"([-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?)"
COACH = {
    "reward-training": r"^Training>.*Total reward=(.*?),",
    "reward-testing": r"^Testing>.*Total reward=(.*?),",
}
RAY = {
    "episode_reward_mean": f"episode_reward_mean: {NUMBER}",
    "episode_reward_max": f"episode_reward_max: {NUMBER}",
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def report(value, **parts):
    output = io.StringIO()
    with Reporter(output=output, messages=io.StringIO(), **parts) as reporter:
        reporter.training(episode=12, total_reward=value, step=300)
        reporter.testing(episode=16, total_reward=value, step=300)
        reporter.metrics(dict.fromkeys(NAMES, value), step=300)
    return output.getvalue().splitlines()


def test_the_definitions_hold_both_sets_of_rlestimator_and_our_own():
    found = {each["Name"]: each["Regex"] for each in definitions()}
    own = {name: f"^{name}: {NUMBER}" for name in NAMES if name not in RAY}
    assert found == {**COACH, **RAY, **own}
    assert len(found) == len(definitions()) <= 40  # SageMaker takes no more


@pytest.mark.parametrize("value", [845.2, -1e-7, 1.5e15, 0.0, 7, -157861.25])
def test_every_definition_matches_a_line_and_reads_its_value(value):
    lines = report(value)
    for definition in definitions():
        matches = [match for line in lines if (match := re.search(definition["Regex"], line))]
        assert len(matches) == 1, definition
        assert float(matches[0][1]) == pytest.approx(value, rel=1e-5)


def test_lines_have_the_form_of_the_contract():
    lines = report(845.2)
    assert lines[0] == "Training> Name=main_level/agent, Episode=12, Total reward=845.2, Steps=300"
    assert lines[1].startswith("Testing> Name=main_level/agent, Episode=16, Total reward=845.2,")
    assert "episode_reward_mean: 845.2" in lines


def test_lines_are_flushed_one_by_one():
    code = (
        "import os\nfrom autoscaling_rl.metrics import Reporter\n"
        "Reporter().metrics({'J': 1.0}, step=1)\nos._exit(0)\n"
    )
    bundle = metrics.DEFINITIONS.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=bundle)
    assert done.stdout == "J: 1\n"


def test_what_is_no_number_is_not_printed_as_one():
    output = io.StringIO()
    Reporter(output=output).metrics({"J": float("nan"), "loss": float("inf")}, step=1)
    assert output.getvalue() == ""
    with pytest.raises(UserError, match="training episodes is nan at step 9"):
        Reporter(output=output).training(episode=1, total_reward=float("nan"), step=9)


def test_a_metric_without_definition_is_refused():
    with pytest.raises(ValueError, match=r"'bad' is not in metrics.NAMES"):
        Reporter().metrics({"bad": 1.0}, step=1)


def test_numbers_are_short_and_exact_enough():
    assert [number(value) for value in (845.2, 1e-9, 12345678.0)] == [
        "845.2",
        "1e-09",
        "1.23457e+07",
    ]


def test_event_files_hold_every_value(tmp_path):
    report(845.25, tensorboard=tmp_path / "events")
    (path,) = (tmp_path / "events").iterdir()
    found = read_events(path)
    assert found["training_reward"] == (300, 845.25)
    assert set(found) == {"training_reward", "testing_reward", *NAMES}


def read_events(path):
    """Return step and value of every scalar by its tag, read by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found = {}
    for raw in RawEventFileLoader(str(path)).Load():
        event = Event.FromString(raw)
        for value in event.summary.value:
            found[value.tag] = (event.step, value.simple_value)
    return found


def test_tensorboard_is_imported_late_and_without_tensorflow(tmp_path):
    code = (
        "import sys, types\n"
        "sys.modules['tensorflow'] = None\n"
        "from autoscaling_rl.event_files import EventFile\n"
        "import pathlib\n"
        "assert not any(name.startswith('tensorboard') for name in sys.modules)\n"
        f"file = EventFile(pathlib.Path({str(tmp_path)!r}))\n"
        "file.add('x', 1.0, 1)\nfile.close()\n"
        "assert 'torch' not in sys.modules\n"
    )
    bundle = metrics.DEFINITIONS.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=bundle)
    assert done.stderr == ""
    assert len(list(tmp_path.iterdir())) == 1


def test_without_tensorboard_there_is_one_warning(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    file = EventFile(tmp_path / "events")
    file.add("x", 1.0, 1)
    file.add("x", 2.0, 2)
    file.close()
    assert capsys.readouterr().err.count("TensorBoard is not installed") == 1
    assert list(tmp_path.iterdir()) == []


def test_log_files_get_a_line_per_tenth():
    stream = io.StringIO()
    progress = Progress(1000, stream=stream)
    for done in range(0, 1001, 7):
        progress.show(done)
    progress.show(1000)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("progress: 10 % (105 of 1,000 steps,")
    assert lines[-1].startswith("progress: 100 % (1,000 of 1,000 steps,")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.0, "(2 of 16 windows, 4.0 s each, 56 s left)"), (0.5, ", 4 a second, ")],
)
def test_what_takes_seconds_says_how_many(monkeypatch, seconds, words):
    times = iter((100.0, 100.0 + seconds))
    monkeypatch.setattr("autoscaling_rl.progress.time.monotonic", lambda: next(times))
    stream = io.StringIO()
    Progress(16, unit="window", stream=stream).show(2)
    assert words in stream.getvalue()


def test_a_resumed_job_shows_what_is_left():
    stream = io.StringIO()
    Progress(100, done=50, stream=stream).show(60)
    assert stream.getvalue().startswith("progress: 60 %")


def test_people_get_a_bar(monkeypatch):
    stream = Terminal()
    output = io.StringIO()
    with Reporter(output=output, messages=stream) as reporter:
        reporter.start(10, unit="window")
        reporter.advance(5)
        reporter.metrics({"J": 1.0}, step=1)
        reporter.message("half of it")
        reporter.advance(10)
    assert "100%" in stream.getvalue()
    assert "half of it" in stream.getvalue()
    assert "windows" in stream.getvalue()


def test_without_tqdm_people_get_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    stream = Terminal()
    Progress(10, stream=stream).show(10)
    assert stream.getvalue().startswith("progress: 100 %")


def test_the_definitions_are_what_sagemaker_takes():
    for definition in json.loads(metrics.DEFINITIONS.read_text()):
        assert definition.keys() == {"Name", "Regex"}
        assert re.compile(definition["Regex"]).groups >= 1
        assert len(definition["Regex"]) <= 500
