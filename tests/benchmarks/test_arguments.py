"""What the programs that measure say of a wrong call: one line that names the place, status 2."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import baseline_table, soak
from benchmarks.baseline_table import TRACES
from benchmarks.options import above_zero, from_on

ROOT = Path(__file__).parents[2]


def called(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Call a program as a shell does, without the paths that pytest adds."""
    name, *arguments = command
    program = str(ROOT / "benchmarks" / name)
    return subprocess.run(
        [sys.executable, program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("baseline_table.py missing", "error: missing holds no nasa95_jul_1min.csv, "),
        ("edge.py missing.tar.gz", "error: missing.tar.gz is no file"),
        ("edge.py --minutes 34", "--minutes: must be a whole number from 35 on, not 34"),
        ("instances.py --most 0", "--most: must be a whole number from 1 on, not 0"),
        ("instances.py --rounds 0", "--rounds: must be a whole number from 1 on, not 0"),
        ("serving.py --rounds 0", "--rounds: must be a whole number from 1 on, not 0"),
        ("soak.py --clients 0", "--clients: must be a whole number from 1 on, not 0"),
        ("soak.py --minutes 0", "--minutes: must be a finite number above 0, not 0"),
        ("soak.py missing", "missing holds no manifest.json: give the folder"),
    ],
)
def test_a_wrong_call_is_one_line(command: str, said: str, tmp_path: Path) -> None:
    done = called(*command.split(), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "²", "two", ""])
def test_a_count_is_a_whole_number_from_one_on(text: str) -> None:
    assert from_on(1)("7") == 7
    with pytest.raises(argparse.ArgumentTypeError):
        from_on(1)(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "two", ""])
def test_a_time_is_finite_and_above_zero(text: str) -> None:
    assert above_zero("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError):
        above_zero(text)


def test_a_trace_that_is_no_load_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for trace in TRACES.values():
        (tmp_path / trace.file).write_text("timestamp,requests\n2024-01-01,1\n\n2024-01-02,1\n")
    assert baseline_table.main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'nasa95_jul_1min.csv'}: line 3: the line is blank")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(3)", "has ended with status 3"),
        ("print('{\"port\": 0}', flush=True); raise SystemExit(2)", "has ended with status 2"),
        ("import time; print('{\"port\": 1}', flush=True); time.sleep(60)", "not answered 200"),
    ],
)
def test_an_endpoint_that_does_not_come_up_is_not_waited_for_for_ever(
    program: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "training_src").mkdir()
    (tmp_path / "training_src" / "serve.py").write_text(program)
    model = tmp_path / "model"
    model.mkdir()
    (model / "manifest.json").write_text("{}")
    monkeypatch.setattr(soak, "ROOT", tmp_path)
    monkeypatch.setattr(soak, "READY_SECONDS", 1.0 if "sleep" in program else 30.0)
    monkeypatch.setattr(sys, "argv", ["soak.py", str(model)])
    assert soak.main() == 2
    assert said in capsys.readouterr().err
