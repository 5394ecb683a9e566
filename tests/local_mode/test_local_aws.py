"""The server as a process: how it starts, and that nothing of it is left, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local_mode.aws.processes import ProcessKeeper
from local_mode.clients import make_client
from local_mode.errors import ServerEndedError, UserError
from local_mode.local_aws import LocalAws
from tests.local_mode.support import BUCKET, descendants, wait_for

ROOT = Path(__file__).parents[2]
# A program in two processes, the second of which ignores what ends the first.
FAMILY = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(600)
time.sleep({seconds})
"""


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def keeper():
    keeper = ProcessKeeper()
    yield keeper
    keeper.close()


def family(keeper: ProcessKeeper, seconds: int):
    arguments = [sys.executable, "-c", FAMILY.format(seconds=seconds)]
    process = keeper.start(arguments, cwd=Path.cwd(), environment={})
    child = int(process.output.readline())
    return process, child


def test_the_end_of_a_program_is_the_end_of_its_group(keeper):
    process, child = family(keeper, seconds=0)
    assert process.wait() == 0
    wait_for(lambda: not alive(child))
    assert process.wait(0) == 0
    process.output.close()


def test_a_program_can_be_stopped_with_a_grace_period(keeper):
    process, child = family(keeper, seconds=600)
    assert process.wait(0.05) is None
    assert process.stop(5.0) == 128 + signal.SIGTERM
    wait_for(lambda: not alive(child))
    process.output.close()


def test_closing_ends_everything_and_lets_nothing_start(keeper):
    process, child = family(keeper, seconds=600)
    keeper.close()
    wait_for(lambda: not alive(process.pid) and not alive(child))
    with pytest.raises(OSError, match="is ending"):
        keeper.start([sys.executable, "-c", ""], cwd=Path.cwd(), environment={})
    process.output.close()


def test_a_keeper_that_is_killed_leaves_nothing(tmp_path):
    program = f"""
import pathlib, sys, time
from local_mode.aws.processes import ProcessKeeper
keeper = ProcessKeeper()
arguments = [sys.executable, "-c", {FAMILY.format(seconds=600)!r}]
process = keeper.start(arguments, cwd=pathlib.Path("."), environment={{}})
print(process.pid, int(process.output.readline()), flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        pids = [int(text) for text in owner.stdout.readline().split()]
        assert all(alive(pid) for pid in pids)
        owner.kill()
        owner.wait()
        wait_for(lambda: not any(alive(pid) for pid in pids))


def test_a_taken_port_is_one_clear_line(tmp_path, capfd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError) as caught:
            LocalAws(port=port, state_dir=tmp_path).start()
    text = str(caught.value)
    assert text.startswith(f"--port {port}: cannot listen on 127.0.0.1:{port} (Address already")
    assert "choose another port" in text
    assert "\n" not in text


def test_a_server_that_cannot_start_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"unrecognized arguments: --no-such-option"):
        LocalAws(state_dir=tmp_path, options=("--no-such-option",)).start()


def test_a_signal_while_the_server_starts_leaves_no_process(tmp_path, monkeypatch):
    started = []

    def interrupted(*arguments, **options):
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            LocalAws(state_dir=tmp_path).start()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        for process in started:
            left = process.poll() is None
            process.kill()
    assert started
    assert not left


def test_the_death_of_the_server_is_told_in_its_place(tmp_path):
    def kill_and_ask() -> None:
        with LocalAws(state_dir=tmp_path) as aws:
            os.kill(aws._process.pid, signal.SIGKILL)
            aws.client("s3").list_buckets()

    with pytest.raises(ServerEndedError) as caught:
        kill_and_ask()
    log = tmp_path / "server.log"
    assert str(caught.value) == f"The local AWS ended by itself; its log is {log}"
    assert log.is_file()


def test_the_environment_leads_every_client_to_the_local_aws(aws):
    command = [sys.executable, "-c", "import boto3; print(boto3.client('s3').list_buckets())"]
    environment = {"PATH": os.environ["PATH"], **aws.environment()}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert BUCKET in answer.stdout
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in aws.exports()
    assert aws.running


UP = [sys.executable, "-m", "local_mode", "up"]


@pytest.fixture
def up():
    """Start `python -m local_mode up`; return the process, its exports and all its processes."""
    started = []

    def up(*arguments: str):
        command = subprocess.Popen(
            [*UP, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(command)
        lines = [""]
        while "logs tail" not in lines[-1]:
            line = command.stdout.readline()
            assert line, command.stderr.read()
            lines.append(line)
        exports = dict(line[7:].strip().split("=", 1) for line in lines if line[:7] == "export ")
        return command, exports, descendants(command.pid)

    yield up
    for command in started:
        command.kill()
        command.wait()
        command.stdout.close()
        command.stderr.close()


def test_a_client_reads_nothing_of_the_users(monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-west-3\nsts_regional_endpoints = legacy\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for profile in ("mine", "no-such-profile"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        client = make_client("sqs", "http://127.0.0.1:1")
        assert client.meta.region_name == "us-east-1"
        client.close()
    config.write_text("no configuration at all")
    make_client("sqs", "http://127.0.0.1:1").close()


def test_up_serves_any_client_and_ends_with_sigterm(up, monkeypatch):
    # A profile that is missing is no matter of a local AWS.
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    command, exports, processes = up()
    assert len(processes) >= 2
    environment = {"PATH": os.environ["PATH"], **exports}
    program = """
import boto3, json
name = "/rl-autoscaling/dev/state-machine-arn"
arn = boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
machine = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
print(json.loads(machine["definition"])["StartAt"])
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    definition = json.loads((ROOT / "stacks/workflow.asl.json").read_text())
    assert answer.stdout.strip() == definition["StartAt"]
    command.send_signal(signal.SIGTERM)
    assert command.wait(15) == 0
    assert command.stderr.read() == ""
    assert not any(alive(pid) for pid in processes)


def test_up_that_is_killed_leaves_nothing():
    with subprocess.Popen(UP, cwd=ROOT, stdout=subprocess.DEVNULL) as command:
        # The server and its reaper.
        processes = wait_for(lambda: (pids := descendants(command.pid)) and len(pids) > 1 and pids)
        command.kill()
        command.wait()
        wait_for(lambda: not any(alive(pid) for pid in processes))


def test_the_state_is_removed_unless_there_is_something_to_look_at(tmp_path, monkeypatch):
    monkeypatch.setattr("local_mode.runs.RUNS", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        nothing, failed = (LocalAws(port=taken.getsockname()[1]) for _ in range(2))
        (failed.state_dir / "training/some-job").mkdir(parents=True)
        for one in (nothing, failed):
            with pytest.raises(UserError):
                one.start()
    assert not nothing.state_dir.exists()
    assert failed.failed_jobs() == [failed.state_dir / "training/some-job"]
    broken = LocalAws(options=("--no-such-option",))
    with pytest.raises(RuntimeError):
        broken.start()
    assert (broken.state_dir / "server.err").is_file()
    for number in range(12):
        (tmp_path / f"20010101-{number:06}").mkdir()
    (tmp_path / "20010101-000000/server.pid").write_text(str(os.getpid()))
    with pytest.raises(RuntimeError):
        LocalAws(options=("--no-such-option",)).start()
    assert broken.state_dir.is_dir()
    assert (tmp_path / "20010101-000000").is_dir()
    assert len(list(tmp_path.iterdir())) == 12


def test_state_that_cannot_be_kept_is_one_clear_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("local_mode.runs.RUNS", tmp_path / "file")
    aws = LocalAws()
    with pytest.raises(UserError) as caught:
        aws.start()
    assert str(caught.value).startswith(f"{aws.state_dir}: cannot be made (Not a directory); ")
    assert "\n" not in str(caught.value)


def test_up_with_a_taken_port_ends_with_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [*UP, "--port", port]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"--port {port}: cannot listen")
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stdout == ""


def test_up_with_a_port_that_cannot_be_says_which_can():
    command = [*UP, "--port", "70000"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr == "--port 70000: ports are 0 to 65535; 0 takes a free one\n"


def test_the_command_line_loads_nothing_heavy_and_no_other_room():
    program = "import sys, local_mode.__main__; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in answer.stdout.split()}
    heavy = {"boto3", "botocore", "moto", "numpy", "werkzeug"}
    assert not loaded & (heavy | {"aws_cdk", "autoscaling_rl", "lambdas"})
