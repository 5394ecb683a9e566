"""The command `train` as a process, with a tiny bundle and with the project's own."""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.image.support import PROGRAM, ROOT, archive, wait_for_line

PROGRAM_ONLY = {"sagemaker_program": "work.py"}
S3 = "s3://bundles/sourcedir.tar.gz"


@pytest.fixture
def job(tree):
    """A job whose bundle is a folder, with hyperparameters of the caller's."""

    def configure(**hyperparameters):
        named = {"sagemaker_submit_directory": str(tree.bundle()), **PROGRAM_ONLY}
        tree.configure(named | hyperparameters)
        return tree

    return configure


def test_the_program_gets_its_hyperparameters_as_variables_and_arguments(job):
    tree = job(preset="smoke", seed="1", flag="true", rates="[0.1, 0.2]", price="1e3")
    done = tree.run("train")
    assert done.returncode == 0, done.stderr
    seen = tree.seen()
    pairs = ["--preset", "smoke", "--seed", "1", "--flag", "true"]
    assert seen["arguments"] == [*pairs, "--rates", "[0.1, 0.2]", "--price", "1000.0"]
    assert seen["variables"]["SM_HP_SEED"] == "1"
    assert json.loads(seen["variables"]["SM_HPS"]) == {
        "preset": "smoke",
        "seed": 1,
        "flag": True,
        "rates": [0.1, 0.2],
        "price": 1000.0,
    }
    assert not tree.failure.exists()


def test_settings_in_json_as_sdk_version_2_sends_them(tree):
    tree.configure(
        {
            "sagemaker_program": '"work.py"',
            "sagemaker_submit_directory": json.dumps(str(tree.bundle())),
            "sagemaker_estimator": '"RLEstimator"',
            "preset": '"smoke"',
        }
    )
    assert tree.run("train").returncode == 0
    assert tree.seen()["arguments"] == ["--preset", "smoke"]


def test_what_the_environment_of_the_request_sets_wins(job):
    tree = job()
    assert tree.run("train", SM_NUM_CPUS="64", EXTRA="yes").returncode == 0
    assert tree.seen()["variables"]["SM_NUM_CPUS"] == "64"
    assert tree.seen()["variables"]["EXTRA"] == "yes"


def test_the_folders_that_a_program_writes_to_are_there(job):
    tree = job()
    tree.run("train")
    assert (tree.base / "model").is_dir()
    assert (tree.base / "output" / "data").is_dir()


@pytest.mark.parametrize("key", ["sagemaker_program", "sagemaker_submit_directory"])
def test_a_missing_setting_is_named_with_what_to_do(tree, key):
    both = {"sagemaker_submit_directory": str(tree.bundle()), **PROGRAM_ONLY}
    del both[key]
    tree.configure(both)
    done = tree.run("train")
    assert done.returncode == 2
    assert key in tree.reason()
    assert "set" in tree.reason()
    assert done.stderr == f"error: {tree.reason()}\n"


def test_a_tree_without_any_file_is_told_what_to_set(tree):
    assert tree.run("train").returncode == 2
    assert "sagemaker_program" in tree.reason()


def test_hyperparameters_that_are_no_json_are_refused(tree):
    tree.write("input/config/hyperparameters.json", "{")
    assert tree.run("train").returncode == 2
    assert "hyperparameters.json" in tree.reason()


@pytest.mark.parametrize(
    ("task", "status", "reason"),
    [
        ("fail", 3, "work.py ended with exit status 3: its last lines in the job's log say why"),
        ("explain", 3, "give it a load file"),
        ("die", 137, "work.py was killed: take an instance type with more memory"),
    ],
)
def test_the_exit_status_is_the_programs_and_the_failure_is_explained(job, task, status, reason):
    tree = job(task=task)
    assert tree.run("train").returncode == status
    assert tree.reason().startswith(reason)


def test_a_failure_of_an_earlier_run_is_forgotten(job):
    tree = job()
    tree.write("output/failure", "of old")
    assert tree.run("train").returncode == 0
    assert not tree.failure.exists()


def test_a_fault_of_the_command_itself_leaves_its_trace(job):
    tree = job(**{"a=b": "no name of a variable"})
    done = tree.run("train")
    assert done.returncode == 1
    assert tree.reason().startswith("train failed, see the job's log: ValueError")
    assert "Traceback" in tree.failure.read_text()
    assert "Traceback" in done.stderr


def test_sigterm_reaches_the_program_which_saves(job):
    tree = job(task="save")
    with tree.start("train") as process:
        wait_for_line(process.stdout, "ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (tree.base / "saved").exists()
    assert not tree.failure.exists()


def test_a_program_that_does_not_know_sigterm_ends_at_once(job):
    tree = job(task="wait")
    with tree.start("train") as process:
        wait_for_line(process.stdout, "ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not tree.failure.exists()


def can_make_containers():
    made = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False)
    return made.returncode == 0


def test_as_first_process_of_a_container_sigterm_reaches_the_program(job):
    if shutil.which("unshare") is None or not can_make_containers():
        pytest.skip("only root can make a process the first of its container")
    tree = job(task="wait")
    isolated = ["unshare", "--pid", "--fork", "--kill-child"]
    with tree.start("train", before=isolated) as process:
        wait_for_line(process.stdout, "ready")
        first = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
        os.kill(first, signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_sigterm_ends_a_download(tree):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tree.configure({"sagemaker_submit_directory": S3, **PROGRAM_ONLY})
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        with tree.start("train", AWS_ENDPOINT_URL=address, **keys) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    "address", [S3, "https://s3.us-east-1.amazonaws.com/bundles/sourcedir.tar.gz"]
)
def test_the_bundle_comes_from_s3(tree, s3, address):
    tree.configure({"sagemaker_submit_directory": address, **PROGRAM_ONLY})
    done = tree.run("train", **s3)
    assert done.returncode == 0, done.stderr
    assert tree.seen()["folder"] == str(tree.base / "code")


def test_a_missing_object_is_named_with_what_to_do(tree, s3):
    address = "s3://bundles/none.tar.gz"
    tree.configure({"sagemaker_submit_directory": address, **PROGRAM_ONLY})
    assert tree.run("train", **s3).returncode == 2
    assert address in tree.reason()
    assert "let the role read it" in tree.reason()
    assert "the channel `code`" in tree.reason()


class Refusing(http.server.BaseHTTPRequestHandler):
    """Refuses everything, and keeps what the requests were signed for."""

    signed: list[str]

    def do_HEAD(self):
        self.signed.append(self.headers["Authorization"])
        self.send_response(403)
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


def test_s3_is_asked_in_the_region_of_the_job(tree):
    Refusing.signed = []
    tree.configure({"sagemaker_submit_directory": S3, **PROGRAM_ONLY})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        done = tree.run(
            "train",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
            AWS_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
        )
        server.shutdown()
    assert done.returncode == 2
    assert "403" in tree.reason()
    assert "/eu-west-1/s3/" in Refusing.signed[0]


def test_the_channel_with_the_bundles_files_comes_first_and_needs_no_network(tree):
    tree.write("input/data/code/work.py", PROGRAM)
    tree.configure({"sagemaker_submit_directory": S3, **PROGRAM_ONLY}, inputdataconfig={"code": {}})
    done = tree.run("train", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    assert tree.seen()["folder"] == str(tree.channel)
    assert tree.seen()["variables"]["SM_CHANNEL_CODE"] == str(tree.channel)


def test_the_channel_may_hold_the_packed_bundle(tree):
    tree.write("input/data/code/sourcedir.tar.gz", archive({"work.py": PROGRAM}))
    tree.configure(PROGRAM_ONLY)
    assert tree.run("train").returncode == 0
    assert tree.seen()["folder"] == str(tree.base / "code")


def test_the_projects_bundle_trains(tree):
    few = {"generations": "1", "population": "4", "elites": "2", "pool": "2"}
    short = {"windows": "1", "window_minutes": "60", "segment_generations": "1"}
    tree.configure(
        {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": str(ROOT / "training_src"),
            "preset": '"smoke"',
            **few,
            **short,
        }
    )
    done = tree.run("train")
    assert done.returncode == 0, done.stderr
    assert (tree.base / "model" / "manifest.json").is_file()
    assert "episode_reward_mean" in done.stdout


def test_the_projects_bundle_explains_a_mistake_itself(tree):
    tree.configure(
        {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": str(ROOT / "training_src"),
            "preset": "no-such-preset",
        }
    )
    assert tree.run("train").returncode == 2
    assert "no-such-preset" in tree.reason()
