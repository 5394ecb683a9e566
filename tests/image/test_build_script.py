"""`tools/build_image.sh` against stand-ins for docker, buildah and the AWS CLI."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.image.support import ROOT, environment

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/rl"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "https://packages.example/simple"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NEEDED = "cat cut dirname env find grep head sed sh sha256sum sort tr xargs".split()

# Notes how it is called; a push leaves the manifest that the test asks for.
TOOL = """#!/bin/sh
echo "${0##*/} $*" >> calls
case "$1" in
  info) exit "${ENGINE:-0}" ;;
  login) cat > password ;;
  push) echo "$MANIFEST" > manifest ;;
esac
"""
AWS = """#!/bin/sh
echo "aws $*" >> calls
case "$2" in
  get-login-password) echo secret ;;
  describe-images) cat manifest 2>/dev/null || exit 254 ;;
esac
"""
# In place of the interpreter, for boto3: the arguments tell the two programs apart.
PYTHON = """#!/bin/sh
echo "python $*" >> calls
cat > program
if [ $# = 2 ]; then echo secret; else cat manifest; fi
"""


class Checkout:
    """A copy of what the script reads, with nothing on the path but stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("tools", "image", "requirements"):
            shutil.copytree(ROOT / name, folder / name)
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in NEEDED:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)

    def add(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": str(self.bin), "MANIFEST": DOCKER_MANIFEST, **variables}
        command = ["tools/build_image.sh", *arguments]
        return subprocess.run(command, cwd=self.folder, env=given, capture_output=True, text=True)

    def calls(self, start: str) -> list[str]:
        text = (self.folder / "calls").read_text()
        return [line for line in text.splitlines() if line.startswith(start)]


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path / "a checkout")
    made.add("bin/docker", TOOL)
    return made


def test_docker_builds_what_endpoints_accept_and_the_name_is_the_answer(checkout):
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"rl-autoscaling:[0-9a-f]{12}\n", done.stdout)
    (call,) = checkout.calls("docker build")
    assert "--output type=docker" in call
    assert "--provenance=false" in call
    assert "--platform linux/amd64" in call
    assert f"--tag {done.stdout.strip()}" in call
    assert "BASE_IMAGE" not in call


def test_buildah_stands_in_for_an_engine_that_does_not_run(checkout):
    checkout.add("bin/buildah", TOOL)
    done = checkout.run("--name", "other", "--base", "localhost/base:1", ENGINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("other:")
    (call,) = checkout.calls("buildah build")
    assert "--format docker" in call
    assert "--build-arg BASE_IMAGE=localhost/base:1" in call
    assert checkout.calls("docker") == ["docker info"]


def test_without_either_tool_one_line_says_what_is_needed(checkout):
    done = checkout.run(ENGINE="1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Docker engine, or buildah" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--torch", "cuda"], "--torch is none, cpu or base, not 'cuda'"),
        (["--push"], "--push has no value"),
        (["--pull", "x"], "unknown argument --pull"),
    ],
)
def test_a_mistake_in_the_call_is_named(checkout, arguments, reason):
    done = checkout.run(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_the_tag_follows_everything_that_is_built(checkout):
    seen = [checkout.run().stdout, checkout.run("--torch", "cpu").stdout]
    seen.append(checkout.run("--base", "other").stdout)
    for name in ("image/train.py", "image/bin/train", "requirements/torch.txt"):
        path = checkout.folder / name
        path.write_text(path.read_text() + "#\n")
        seen.append(checkout.run().stdout)
    assert len(set(seen)) == len(seen)
    (checkout.folder / "image" / "__pycache__").mkdir(exist_ok=True)
    (checkout.folder / "image" / "__pycache__" / "train.pyc").touch()
    (checkout.folder / "requirements" / "dev.txt").touch()
    assert checkout.run().stdout == seen[-1]


def test_the_tag_is_known_without_a_build(checkout):
    built = checkout.run("--torch", "cpu").stdout.strip()
    (checkout.folder / "calls").write_text("")
    assert checkout.run("--print-tag", "--torch", "cpu").stdout.strip() == built.partition(":")[2]
    assert checkout.calls("") == []


def test_a_push_logs_in_to_the_registry_of_the_repository(checkout):
    checkout.add("bin/aws", AWS)
    done = checkout.run("--push", ECR)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{ECR}:[0-9a-f]{{12}}\n", done.stdout)
    login = "docker login --username AWS --password-stdin"
    assert checkout.calls("docker login") == [f"{login} {ECR.partition('/')[0]}"]
    assert (checkout.folder / "password").read_text() == "secret"
    assert checkout.calls("aws ecr get-login") == ["aws ecr get-login-password --region eu-west-1"]
    assert checkout.calls("docker push") == [f"docker push {done.stdout.strip()}"]


def test_what_is_there_already_is_not_built_again(checkout):
    checkout.add("bin/aws", AWS)
    (checkout.folder / "manifest").write_text(DOCKER_MANIFEST)
    done = checkout.run("--push", ECR)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{ECR}:")
    assert checkout.calls("docker") == []


def test_a_manifest_that_endpoints_refuse_is_a_failure(checkout):
    checkout.add("bin/aws", AWS)
    done = checkout.run("--push", ECR, MANIFEST=OCI_MANIFEST)
    assert done.returncode == 2
    assert f"'{OCI_MANIFEST}', which SageMaker endpoints refuse" in done.stderr


def test_boto3_stands_in_for_the_aws_cli(checkout):
    checkout.add("bin/python3", PYTHON)
    checkout.add("bin/buildah", TOOL)
    done = checkout.run("--push", ECR, ENGINE="1")
    assert done.returncode == 0, done.stderr
    assert checkout.calls("python") == [
        f"python - eu-west-1 123456789012 rl {done.stdout.strip().rpartition(':')[2]}",
        "python - eu-west-1",
        f"python - eu-west-1 123456789012 rl {done.stdout.strip().rpartition(':')[2]}",
    ]
    assert (checkout.folder / "password").read_text() == "secret"
    (push,) = checkout.calls("buildah push")
    assert push.startswith("buildah push --format v2s2 rl-autoscaling:")
    assert push.endswith(f"docker://{done.stdout.strip()}")


def test_another_registry_needs_no_aws(checkout):
    checkout.add("bin/buildah", TOOL)
    done = checkout.run("--push", "localhost:5000/rl", ENGINE="1")
    assert done.returncode == 0, done.stderr
    assert checkout.calls("buildah login") == []
    assert "--tls-verify=false" in checkout.calls("buildah push")[0]


def test_the_build_takes_packages_from_where_pip_does(checkout):
    checkout.add("bin/buildah", TOOL)
    wheels, certificate = checkout.folder / "wheels", checkout.folder / "company.pem"
    wheels.mkdir()
    certificate.touch()
    checkout.add(
        ".venv/bin/python",
        f"#!/bin/sh\necho \"global.index-url='{INDEX}'\"\n"
        f"echo \"global.find-links='{wheels.name}'\"\n"
        f"echo \"global.cert='{certificate.name}'\"\n",
    )
    done = checkout.run(ENGINE="1")
    assert done.returncode == 0, done.stderr
    (call,) = checkout.calls("buildah build")
    assert f"--build-arg PIP_INDEX_URL={INDEX}" in call
    assert "--build-arg UV_FIND_LINKS=wheels" in call
    assert "--volume wheels:wheels:ro" in call
    assert "--secret id=certificates,src=company.pem" in call


def boto3_programs() -> list[str]:
    """Return the two programs in the script: the password, the type of a manifest."""
    text = (ROOT / "tools" / "build_image.sh").read_text()
    return re.findall(r"<<'END'.*?\n(.*?)\nEND\n", text, re.DOTALL)


def run_program(program, *arguments, variables):
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment(**variables), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_boto3_gets_the_password_from_an_emulator(s3):
    password, _ = boto3_programs()
    found = run_program(password, "us-east-1", variables=s3)
    assert found
    assert not found.startswith("AWS:")


def test_boto3_sees_the_manifests_type_in_an_emulator(s3):
    _, media = boto3_programs()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    address = s3["AWS_ENDPOINT_URL"]
    ecr = boto3.client("ecr", region_name="us-east-1", endpoint_url=address, **keys)
    ecr.create_repository(repositoryName="rl")
    manifest = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": {}, "layers": []}
    ecr.put_image(repositoryName="rl", imageManifest=json.dumps(manifest), imageTag="one")
    found = run_program(media, "us-east-1", "123456789012", "rl", "one", variables=s3)
    assert found == DOCKER_MANIFEST
