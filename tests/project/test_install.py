"""The installer takes packages from where pip would: against a stand-in for the interpreter."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = "https://packages.example/simple"

# Answers `pip config list` with a file, notes how uv is called, refuses what the test names.
PYTHON = """#!/bin/sh
case "$*" in
  "-m pip config list") cat pip-settings; exit ;;
  *"${REFUSED:-nothing is refused}"*) exit 1 ;;
esac
echo "$*" >> calls
env | grep -E '^(UV_|SSL_)' > variables
exit 0
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    interpreter = tmp_path / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(PYTHON)
    interpreter.chmod(0o755)
    (tmp_path / "pip-settings").write_text("")
    return tmp_path


def run(checkout: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UV_", "SSL_", "PIP_", "COVERAGE_"))
    }
    return subprocess.run(
        command, cwd=checkout, env=inherited | variables, capture_output=True, text=True
    )


def variables(checkout: Path) -> dict[str, str]:
    lines = (checkout / "variables").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_lock_is_installed_with_its_hashes(checkout: Path) -> None:
    made = run(checkout, "tools/install.sh", "requirements/run.txt")
    assert made.returncode == 0, made.stderr
    (call,) = (checkout / "calls").read_text().splitlines()
    assert "--require-hashes" in call
    assert call.endswith("--requirement requirements/run.txt")
    assert variables(checkout) == {}


def test_the_settings_of_pip_are_passed_on(checkout: Path) -> None:
    (checkout / "pip-settings").write_text(
        ":env:.find-links='/wheels /more-wheels'\n"
        "global.cert='/etc/company.pem'\n"
        "global.find-links='/elsewhere'\n"
        f"global.index-url='{INDEX}'\n"
        f"global.extra-index-url='{INDEX}/ignored'\n"
        "install.no-index='1'\n"
    )
    run(checkout, "tools/install.sh", "requirements/run.txt")
    assert variables(checkout) == {
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "UV_DEFAULT_INDEX": INDEX,
        "UV_NO_INDEX": "1",
        "SSL_CERT_FILE": "/etc/company.pem",
    }


def test_a_list_in_a_file_of_pip_is_passed_on(checkout: Path) -> None:
    (checkout / "pip-settings").write_text("global.find-links='\\n/wheels\\n/more-wheels'\n")
    run(checkout, "tools/install.sh", "requirements/run.txt")
    assert variables(checkout) == {"UV_FIND_LINKS": "/wheels,/more-wheels"}


def test_the_variables_of_uv_win(checkout: Path) -> None:
    (checkout / "pip-settings").write_text(f"global.index-url='{INDEX}'\n")
    index = "https://mine.example/simple"
    run(checkout, "tools/install.sh", "requirements/run.txt", UV_DEFAULT_INDEX=index)
    assert variables(checkout) == {"UV_DEFAULT_INDEX": index}


@pytest.mark.parametrize(
    ("find_links", "refused", "last_option"),
    [
        ("/wheels", "", "--no-index"),
        ("/wheels", "--no-index", "--torch-backend cpu"),
        ("", "", "--torch-backend cpu"),
        ("", "--torch-backend", "requirements/torch.txt"),
    ],
)
def test_pytorch_is_a_local_wheel_else_the_cpu_build_else_the_registrys(
    checkout: Path, find_links: str, refused: str, last_option: str
) -> None:
    wanted = {"UV_FIND_LINKS": find_links} if find_links else {}
    made = run(checkout, "tools/install_torch.sh", **wanted, REFUSED=refused or "no option")
    assert made.returncode == 0, made.stderr
    (call,) = (checkout / "calls").read_text().splitlines()
    assert call.endswith(last_option)


def test_an_environment_apart_is_made_once_for_each_lock(checkout: Path) -> None:
    folder = checkout / ".venv" / "sdk_v2"
    folder.mkdir()
    command = ("tools/install_apart.sh", "sdk_v2")
    assert run(checkout, *command, REFUSED="pip install").returncode != 0
    assert run(checkout, *command).returncode == 0
    made, again, installed = (checkout / "calls").read_text().splitlines()
    assert made == again == "-m uv venv --quiet --clear --python .venv/bin/python .venv/sdk_v2"
    assert "--require-hashes --requirement requirements/sdk_v2.txt" in installed
    assert "--python .venv/sdk_v2/bin/python" in installed
    run(checkout, *command)
    assert len((checkout / "calls").read_text().splitlines()) == 3
    (checkout / "requirements" / "sdk_v2.txt").write_text("sagemaker==2.0\n")
    run(checkout, *command)
    assert len((checkout / "calls").read_text().splitlines()) == 5


@pytest.mark.parametrize("names", [(), ("",), ("sdk_v9",), ("sdk_v2", "sdk_v3")])
def test_an_environment_apart_is_one_of_a_lock(checkout: Path, names: tuple[str, ...]) -> None:
    done = run(checkout, "tools/install_apart.sh", *names)
    assert done.returncode == 2
    assert done.stderr.startswith("error: write `tools/install_apart.sh NAME`")
    assert done.stderr.count("\n") == 1
    assert not (checkout / "calls").exists()


def test_an_installation_that_fails_is_a_failure(checkout: Path) -> None:
    assert run(checkout, "tools/install.sh", "requirements/run.txt", REFUSED="uv").returncode != 0
    assert run(checkout, "tools/install_torch.sh", REFUSED="uv").returncode != 0
