"""The command `serve` as a process, with a tiny bundle and with the project's own."""

import http.client
import os
import signal
import subprocess
import sys

import pytest

from tests.image.support import PROGRAM, ROOT, archive, environment, wait_for_line
from tests.training_src.endpoints import Endpoint, cartpole_artifact

NAMED = {"SAGEMAKER_PROGRAM": "work.py"}


def test_the_bundle_comes_from_s3(tree, s3):
    address = "s3://bundles/sourcedir.tar.gz"
    done = tree.run("serve", SAGEMAKER_SUBMIT_DIRECTORY=address, **NAMED, **s3)
    assert done.returncode == 0, done.stderr
    seen = tree.seen()
    assert seen["arguments"] == []
    assert seen["folder"] == str(tree.base / "code")
    assert seen["variables"]["SM_MODEL_DIR"] == str(tree.base / "model")


def test_the_program_may_be_in_the_model_artifact(tree):
    tree.write("model/code/work.py", PROGRAM)
    folder = "/opt/ml/model/code"
    done = tree.run("serve", SAGEMAKER_SUBMIT_DIRECTORY=folder, **NAMED)
    assert done.returncode == 0, done.stderr
    assert tree.seen()["folder"] == str(tree.base / "model" / "code")


@pytest.mark.parametrize("packed", [True, False])
def test_an_additional_model_data_source_comes_first_and_needs_no_network(tree, packed):
    folder = "additional-model-data-sources/code"
    if packed:
        tree.write(f"{folder}/sourcedir.tar.gz", archive({"work.py": PROGRAM}))
    else:
        tree.write(f"{folder}/work.py", PROGRAM)
    done = tree.run(
        "serve",
        SAGEMAKER_SUBMIT_DIRECTORY="s3://bundles/sourcedir.tar.gz",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        **NAMED,
    )
    assert done.returncode == 0, done.stderr
    assert tree.seen()["folder"] == str(tree.base / "code" if packed else tree.source)


@pytest.mark.parametrize("name", ["SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"])
def test_a_missing_variable_is_named_with_what_to_do(tree, name):
    both = {"SAGEMAKER_SUBMIT_DIRECTORY": str(tree.bundle()), **NAMED}
    del both[name]
    done = tree.run("serve", **both)
    assert done.returncode == 2
    assert name in done.stderr
    assert "set" in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_exit_status_is_the_programs(tree):
    done = tree.run("serve", SAGEMAKER_SUBMIT_DIRECTORY=str(tree.bundle()), TASK="fail", **NAMED)
    assert done.returncode == 3
    assert not tree.failure.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_program(tree, number):
    place = {"SAGEMAKER_SUBMIT_DIRECTORY": str(tree.bundle())}
    with tree.start("serve", TASK="wait", **place, **NAMED) as process:
        wait_for_line(process.stdout, "ready")
        process.send_signal(number)
        assert process.wait(30) == 128 + number


def test_the_projects_bundle_answers_and_ends_with_zero(tree):
    cartpole_artifact(tree.base / "model")
    variables = environment(
        SAGEMAKER_BASE_DIR=str(tree.base),
        SAGEMAKER_BIND_TO_PORT="0",
        SAGEMAKER_PROGRAM="serve.py",
        SAGEMAKER_SUBMIT_DIRECTORY=str(ROOT / "training_src"),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "image.serve"],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        endpoint = Endpoint(process)
        endpoint.wait_for("model verified")
        assert endpoint.ask("GET", "/ping")[0] == http.client.OK
        status, answer = endpoint.invoke({"observations": [[0.0, 0.0, 0.0, 0.0]]})
        assert status == http.client.OK
        assert len(answer["actions"]) == 1
        assert endpoint.stop() == os.EX_OK
    finally:
        process.kill()
        process.communicate()
