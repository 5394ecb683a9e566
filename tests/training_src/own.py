"""One's own environments for tests: modules, wheels and FMUs made on the spot."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from tests.training_src.endpoints import AS_JSON, post

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"

# What a preset says to train next to nothing.
TINY_TRAINING = {
    "steps": "1024",
    "n_envs": "4",
    "n_steps": "64",
    "batch_size": "128",
    "epochs": "2",
    "segment_steps": "512",
    "hidden": "[8]",
    "test_episodes": "2",
}


def words(options):
    """Return hyperparameters as arguments of a script."""
    return [word for name, text in options.items() for word in (f"--{name}", text)]


def write_wheel(folder, name, version, files=(), requires=()):
    """Write a wheel with files (path, text) that needs other packages."""
    info = f"{name}-{version}.dist-info"
    lines = [
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {each}" for each in requires),
    ]
    members = {
        **dict(files),
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *lines, ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},{_digest(text)},{len(text)}" for path, text in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)


def _digest(text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def ask(artifact, request):
    """Return status and answer of an endpoint's application with this artifact."""
    model = Model(artifact)
    model.load()
    application = Application(model)
    try:
        status, _, answer = post(application, json.dumps(request).encode(), AS_JSON)
    finally:
        application.close()
    return status, answer


def build_fmu(folder, source, version=2):
    """Build the model in a Python file as FMU of that version of FMI; return its path."""
    package = {2: "pythonfmu", 3: "pythonfmu3"}[version]
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", package, "build", "-f", str(source), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.fmu")
    return path


def edited(fmu, path, *, description=lambda text: text, keep=lambda name: True):
    """Write a copy of an FMU with another description, and without some files."""
    with zipfile.ZipFile(fmu) as before, zipfile.ZipFile(path, "w") as after:
        for name in filter(keep, before.namelist()):
            content = before.read(name)
            if name == "modelDescription.xml":
                content = description(content.decode()).encode()
            after.writestr(name, content)
    return path
