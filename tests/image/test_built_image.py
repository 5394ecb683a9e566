"""The image itself: built by buildah on a bare Debian, and run as SageMaker runs it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import boto3
import pytest

from local_mode.packing import tar_gz
from tests.image.support import ROOT, Tree, archive, wait_for

pytestmark = pytest.mark.slow

BASE = "localhost/rl-image-test-base:bookworm"
NAME = "localhost/rl-image-test"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def buildah(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=check)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A Debian with Python, in place of a base image: no registry has to be reached."""
    if shutil.which("buildah") is None or os.geteuid() != 0:
        pytest.skip("no image was built: that takes root and buildah")
    if buildah("inspect", "--type", "image", BASE, check=False).returncode == 0:
        return BASE
    if shutil.which("debootstrap") is None:
        pytest.skip("no image was built: the base image for it takes debootstrap")
    folder = tmp_path_factory.mktemp("debian")
    options = ["--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run(["debootstrap", *options, SUITE, folder], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder / "var" / "cache" / "apt")
    container = buildah("from", "scratch").stdout.strip()
    buildah("add", "--quiet", container, str(folder), "/")
    buildah("config", "--env", f"PATH={PATH}", container)
    buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(folder, ignore_errors=True)
    return BASE


def build(base: str, folder: Path, *options: str) -> str:
    """Build the image with the documented command, and say how long it took and how large it is."""
    absent = folder / "docker"
    absent.write_text("#!/bin/sh\nexit 1\n")
    absent.chmod(0o755)
    began = time.monotonic()
    done = subprocess.run(
        ["tools/build_image.sh", "--base", base, "--name", NAME, *options],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    image = done.stdout.strip()
    size = buildah("images", "--format", "{{.Size}}", image).stdout.strip()
    print(f"{image}, {' '.join(options) or 'light'}: {size}, {time.monotonic() - began:.0f} s")
    return image


@pytest.fixture(scope="session")
def image(base, tmp_path_factory):
    built = build(base, tmp_path_factory.mktemp("bin"))
    yield built
    buildah("rmi", built)


class Container:
    """A container of the image with a tree as its /opt/ml."""

    def __init__(self, name: str, tree: Tree) -> None:
        self.name = name
        self.tree = tree

    def command(self, *arguments: str, **variables: str) -> list[str]:
        named = [word for item in variables.items() for word in ("--env", "=".join(item))]
        # The network is this machine's, so that the container reaches the emulator of S3.
        options = ["--isolation", "chroot", "--volume", f"{self.tree.base}:/opt/ml", *named]
        return ["buildah", "run", *options, self.name, "--", *arguments]

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, **variables)
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def container(image, tree):
    with running(image, tree) as made:
        yield made


@contextlib.contextmanager
def running(image, tree):
    tree.base.mkdir()
    name = buildah("from", image).stdout.strip()
    try:
        yield Container(name, tree)
    finally:
        buildah("rm", name)


def project_bundle() -> bytes:
    return tar_gz(ROOT / "training_src")


def upload_bundle(s3: dict[str, str]) -> str:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=s3["AWS_ENDPOINT_URL"], **keys
    )
    client.put_object(Bucket="bundles", Key="project.tar.gz", Body=project_bundle())
    return "s3://bundles/project.tar.gz"


def test_it_is_what_sagemaker_wants(image):
    found = json.loads(buildah("inspect", "--type", "image", image).stdout)
    assert "docker.distribution.manifest.v2+json" in found["Manifest"]
    config = found["Docker"]["config"]
    assert not config.get("Entrypoint")
    assert config["Labels"]["org.opencontainers.image.version"] == image.rpartition(":")[2]
    # The developer guide: all containers run with root users.
    assert config.get("User", "") == ""


def test_the_commands_are_on_the_path(container):
    done = container.run("bash", "-c", "command -v train serve python3 pip bash && pip --version")
    assert done.returncode == 0, done.stderr
    assert "/opt/venv" in done.stdout
    assert container.run("python3", "-c", "import torch").returncode != 0


def test_it_trains_and_serves_the_smoke_preset(container, s3):
    tree = container.tree
    tree.configure(
        {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": upload_bundle(s3),
            "preset": '"smoke"',
        },
        resourceconfig={"current_host": "localhost", "hosts": ["localhost"]},
    )
    began = time.monotonic()
    done = container.run("train", **s3)
    print(f"train: {time.monotonic() - began:.1f} s")
    assert done.returncode == 0, done.stderr
    assert "episode_reward_mean" in done.stdout
    assert (tree.base / "model" / "manifest.json").is_file()
    tree.write("additional-model-data-sources/code/sourcedir.tar.gz", project_bundle())
    assert serve_and_ask(container) == 0


def serve_and_ask(container):
    """Start an endpoint, ask it, end it, and return its exit status."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_BIND_TO_PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(
        container.command("serve", **variables), stdout=subprocess.PIPE, text=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: healthy(f"{address}/ping"))
        print(f"serve: ready after {time.monotonic() - began:.1f} s")
        body = json.dumps({"states": [state()]}).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{address}/invocations", body, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert len(json.loads(answer.read())["desired"]) == 1
        os.kill(serving_process(process), signal.SIGTERM)
        return process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def state():
    return {
        "timestamp": "2026-01-05T12:00:00Z",
        "load": [3000.0] * 90,
        "active": 12,
        "pending": [0, 1],
        "capacity": 250.0,
    }


def healthy(address):
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
        return answer.status == 200
    return False


def serving_process(process):
    """Return the id of the command `serve`, which the first line of the log has as its parent."""
    child = json.loads(process.stdout.readline())["pid"]
    status = Path(f"/proc/{child}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("PPid:")))


def test_a_mistake_is_explained_where_sagemaker_looks(container):
    done = container.run("train")
    assert done.returncode == 2
    assert "sagemaker_program" in container.tree.reason()


def test_another_user_can_run_it_away_from_sagemaker(image, tree):
    with running(image, tree) as container:
        tree.configure({"sagemaker_program": "work.py"})
        tree.write("input/data/code/sourcedir.tar.gz", archive({"work.py": "print('done')"}))
        for path in [tree.base, *tree.base.rglob("*")]:
            os.chown(path, 1000, 1000)
        command = container.command("train")
        command[2:2] = ["--user", "1000:1000"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "done" in done.stdout


def test_with_pytorch_the_toolkit_sb3_trains(base, tree, tmp_path_factory):
    if not os.environ.get("PIP_FIND_LINKS"):
        pytest.skip("no image with PyTorch was built: PIP_FIND_LINKS names no folder with a wheel")
    image = build(base, tmp_path_factory.mktemp("bin"), "--torch", "cpu")
    try:
        with running(image, tree) as container:
            tree.configure({"sagemaker_program": "train.py", "preset": "ppo-cartpole", **small()})
            tree.write("input/data/code/sourcedir.tar.gz", project_bundle())
            done = container.run("train")
        assert done.returncode == 0, done.stderr
        assert (tree.base / "model" / "policy.onnx").is_file()
    finally:
        buildah("rmi", image)


def small():
    numbers = {"steps": 1024, "n_envs": 4, "n_steps": 64, "batch_size": 128, "epochs": 2}
    numbers |= {"segment_steps": 512, "test_episodes": 4}
    return {name: str(value) for name, value in numbers.items()}
