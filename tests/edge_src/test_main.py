"""The component as a nucleus runs it: a process with a socket, a work folder and a model."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.edge_src.nuclei import STATE, THING, answers, server, telemetry
from tests.edge_src.support import BUNDLE, packed, relist, state


class Component:
    """A process of the component."""

    def __init__(self, nucleus, work, model=None, *, main=(str(BUNDLE / "main.py"),)):
        environment = {**os.environ, **nucleus.environment(), "AWS_IOT_THING_NAME": THING}
        command = [sys.executable, "-u", *main, "--work", str(work)]
        self.nucleus = nucleus
        self.process = subprocess.Popen(
            [*command, *(["--model", str(model)] if model else [])],
            env=environment,
            cwd=work.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, message):
        before = len(answers(self.nucleus))
        assert self.nucleus.wait_for(lambda: self.nucleus.subscribed(STATE), 30)
        self.nucleus.publish(STATE, json.dumps(message).encode())
        assert self.nucleus.wait_for(lambda: len(answers(self.nucleus)) > before, 30)
        return answers(self.nucleus)[-1]

    def end(self, number=signal.SIGTERM):
        """Return exit status, output, and the seconds that ending took."""
        began = time.monotonic()
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output, time.monotonic() - began


@pytest.fixture(params=["lite", "full"])
def nucleus(request, tmp_path):
    with server(tmp_path / "ipc", request.param) as running:
        yield running


def test_it_decides_and_ends_when_told(nucleus, tmp_path, offered):
    component = Component(nucleus, tmp_path / "work", offered["bank"])
    assert component.ask(state(300, 300))["source"] == "model"
    assert nucleus.states == ["RUNNING"]
    status, output, seconds = component.end()
    assert status == 0, output
    assert seconds < 5
    assert "Traceback" not in output
    assert "INFO model" in output
    assert telemetry(nucleus, "summary")[-1]["thing"] == THING
    assert telemetry(nucleus, "summary")[-1]["memory_mb"] < 80
    component = Component(nucleus, tmp_path / "work", offered["bank"])
    assert component.ask(state(301))["doubts"] == []
    assert component.end(signal.SIGINT)[0] == 0


def test_without_a_model_and_without_a_nucleus_it_ends_in_good_order(nucleus, tmp_path):
    nucleus.refuse(True)
    component = Component(nucleus, tmp_path / "work")
    time.sleep(1.0)
    nucleus.refuse(False)
    answer = component.ask(state(100, 100))
    assert (answer["source"], answer["model_version"]) == ("reactive", "reactive")
    nucleus.refuse(True)
    nucleus.disconnect()
    status, output, seconds = component.end()
    assert (status, seconds < 5) == (0, True), output


def test_a_killed_component_goes_on_where_it_was(nucleus, tmp_path, offered):
    component = Component(nucleus, tmp_path / "work", offered["bank"])
    component.ask(state(300, 300))
    assert component.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert nucleus.wait_for(lambda: not nucleus.subscribed(STATE))
    component = Component(nucleus, tmp_path / "work", offered["bank"])
    answer = component.ask(state(301))
    assert (answer["source"], answer["doubts"]) == ("model", [])
    component.end()


def test_a_second_process_waits_for_the_end_of_the_first(nucleus, tmp_path, offered):
    first = Component(nucleus, tmp_path / "work", offered["bank"])
    assert first.ask(state(300, 300))["source"] == "model"
    second = Component(nucleus, tmp_path / "work", offered["bank"])
    third = Component(nucleus, tmp_path / "work", offered["bank"])
    time.sleep(1.5)
    for now in (301, 302):
        assert first.ask(state(now))["id"] == f"state-{now}"
    time.sleep(0.2)
    assert len(answers(nucleus)) == 3
    status, output, seconds = third.end()
    assert (status, seconds < 2) == (0, True)
    assert f"process {first.process.pid} uses the work folder" in output
    first.end(signal.SIGKILL)
    assert nucleus.wait_for(lambda: not nucleus.subscribed(STATE))
    assert (second.ask(state(303))["source"], len(answers(nucleus))) == ("model", 4)
    assert second.end()[0] == 0
    numbers = [each["sequence"] for each in telemetry(nucleus)]
    assert len({json.dumps(each) for each in telemetry(nucleus)}) == len(set(numbers))


@pytest.mark.parametrize("name", ["numpy", "awsiot"])
def test_what_the_device_lacks_is_named_with_the_remedy(tmp_path, name):
    code = (
        f"import sys; sys.modules[{name!r}] = None; sys.path.insert(0, {str(BUNDLE)!r})\n"
        "import main; sys.exit(main.main())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, "--work", str(tmp_path / "work")],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (found.returncode, found.stderr) == (1, "")
    assert f"there is no module {name}" in found.stdout
    assert "requirements.txt" in found.stdout
    assert len(found.stdout.splitlines()) == 1


HURRIED = f"""
import sys
sys.path.insert(0, {str(BUNDLE)!r})
import main
from edge_policy import lock
lock.PATIENCE_SECONDS = 0.5
sys.exit(main.main())
"""


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("nucleus", ["lite"], indirect=True)
def test_a_process_that_was_left_over_is_ended(nucleus, tmp_path, offered, stopped):
    left = Component(nucleus, tmp_path / "work", offered["bank"])
    assert left.ask(state(300, 300))["source"] == "model"
    if stopped:  # it cannot end in good order
        left.process.send_signal(signal.SIGSTOP)
    hurried = ("-c", HURRIED)
    component = Component(nucleus, tmp_path / "work", offered["bank"], main=hurried)
    assert left.process.wait(10) == (-signal.SIGKILL if stopped else 0)
    left.process.stdout.close()
    assert nucleus.wait_for(lambda: nucleus.connections <= 1)
    assert component.ask(state(301))["doubts"] == []
    assert component.end()[0] == 0


IMPATIENT = f"""
import sys
sys.path.insert(0, {str(BUNDLE)!r})
import main
from edge_policy import tasks
if "start" in sys.argv[-1]:
    main.START_SECONDS = 1.0
tasks.LONGEST_SECONDS = 0.5
sys.exit(main.main())
"""


def harmful(offered, folder, how):
    """Return a model.tar.gz whose code ends the process, or never comes back."""
    copy = shutil.copytree(offered["bank"].with_name("bank"), folder / how)
    name, before, after = {
        "exits": ("bank.py", "import numpy as np", "import os; os._exit(3)"),
        "hangs at the start": ("bank.py", "import numpy as np", "while True: pass"),
        "hangs in a decision": ("guard.py", "reasons = doubts(", "while True: pass\n    _ = ("),
    }[how]
    path = copy / "code/controller" / name
    code = path.read_text()
    assert before in code
    path.write_text(code.replace(before, after, 1))
    relist(copy)
    return packed(copy)


@pytest.mark.parametrize("how", ["exits", "hangs at the start", "hangs in a decision"])
@pytest.mark.parametrize("nucleus", ["lite"], indirect=True)
def test_a_model_that_ends_the_process_is_left_at_the_third_start(nucleus, tmp_path, offered, how):
    model = harmful(offered, tmp_path, how)
    for _ in range(2):
        component = Component(nucleus, tmp_path / "work", model, main=("-c", IMPATIENT))
        if how == "hangs in a decision":
            assert nucleus.wait_for(lambda: nucleus.subscribed(STATE), 30)
            assert nucleus.publish(STATE, json.dumps(state(100, 100)).encode()) == 1
        output, _ = component.process.communicate(timeout=30)
        assert component.process.returncode in (1, 3), output
        assert nucleus.wait_for(lambda: not nucleus.subscribed(STATE))
    component = Component(nucleus, tmp_path / "work", model)
    assert component.ask(state(101))["source"] == "reactive"
    status, output, _ = component.end()
    assert status == 0
    assert "crashed the process 2 times in a row" in output


def test_it_imports_nothing_of_another_room(tmp_path):
    code = (
        "import sys; sys.argv = ['main.py', '--help']\n"
        f"sys.path.insert(0, {str(BUNDLE)!r})\n"
        "sys.modules.update(dict.fromkeys(['autoscaling_rl', 'local_mode', 'lambdas', 'boto3',"
        " 'awsiot', 'awscrt', 'onnxruntime', 'onnx']))\n"
        "import main, edge_policy.core, edge_policy.ipc, edge_policy.service\n"
        "from pathlib import Path\n"
        f"edge_policy.core.Core(Path({str(tmp_path)!r}), None, main.defaults())\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_a_wrong_call_ends_in_one_line():
    command = [sys.executable, str(BUNDLE / "main.py"), "--model", "x"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 2
    assert found.stderr.splitlines()[-1].endswith("required: --work")
