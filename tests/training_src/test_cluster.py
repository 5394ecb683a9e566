"""Several instances train one policy: as processes that meet at addresses of this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import train
from autoscaling_rl.artifact import verify
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import TrainingStopped, find_toolkit
from tests.training_src.endpoints import autoscaling_artifact
from tests.training_src.jobs import TINY_PRESET, sb3_job, sb3_preset

pytest.importorskip("torch")
SCRIPT = Path(train.__file__)
HOSTS = ("127.0.0.1", "127.0.0.2")


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_PRESET)
    return path


STARTED = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def _ended():
    """End what a failed test leaves: some of these trainings have no end of their own."""
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.communicate()


def start(folder, preset, *words, hosts=HOSTS, channel=None):
    """Start a job's processes, one for each host, in folders of their names."""
    port, processes = free_port(), []
    presets = preset if isinstance(preset, tuple) else (preset,) * len(hosts)
    for host, own_preset in zip(hosts, presets, strict=True):
        config = folder / host / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        names = {"current_host": host, "hosts": hosts, "network_interface_name": "lo"}
        (config / "resourceconfig.json").write_text(json.dumps(names))
        if channel is not None:
            shutil.copytree(channel, folder / host / "input" / "data" / "checkpoint")
        command = [sys.executable, str(SCRIPT), "--preset", str(own_preset), *words]
        places = {"SAGEMAKER_BASE_DIR": str(folder / host), "MASTER_PORT": str(port)}
        processes.append(
            subprocess.Popen(
                command,
                env={**os.environ, **places},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        processes[-1].port = port
    STARTED.extend(processes)
    return processes


def ended(processes):
    """Return exit status, output and errors of each process."""
    results = [(*each.communicate(timeout=240), each.returncode) for each in processes]
    STARTED[:] = [each for each in STARTED if each not in processes]
    return results


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a job of two instances, and how they ended."""
    folder = tmp_path_factory.mktemp("whole")
    preset = folder / "tiny.toml"
    preset.write_text(TINY_PRESET)
    return folder, ended(start(folder, preset))


def weights(folder):
    with np.load(folder / HOSTS[0] / "model" / "policy.npz") as archive:
        return {name: archive[name].tobytes() for name in archive.files}


def first_episodes(out):
    """Return how many episodes the first report counts."""
    return int(re.search(r"Training> Name=main_level/agent, Episode=(\d+)", out)[1])


def figures(folder):
    return verify(folder / HOSTS[0] / "model")["figures"]["training"]


def test_instances_share_the_steps_and_the_first_writes_the_artifact(tmp_path, preset, whole):
    folder, ((out, err, first), (other_out, other_err, second)) = whole
    assert (first, second) == (0, 0), err + other_err
    assert figures(folder)["instances"] == 2
    assert figures(folder)["steps"] == 1024
    assert "Testing> Name=main_level/agent, Episode=8, Total reward=" in out
    assert other_out == ""  # metrics come once
    assert f"the model artifact is written by {HOSTS[0]}" in other_err
    assert not list((folder / HOSTS[1] / "model").iterdir())
    assert not list((folder / HOSTS[1] / "checkpoints").iterdir())
    [(alone, _, _)] = ended(start(tmp_path / "one", preset, hosts=HOSTS[:1]))
    # The first instance does what a lone one does at first, and reports the other's as well.
    assert first_episodes(out) > first_episodes(alone)
    assert first_episodes(out) != 2 * first_episodes(alone)  # with episodes of its own
    assert figures(tmp_path / "one")["instances"] == 1
    assert weights(tmp_path / "one") != weights(folder)


@pytest.mark.slow
def test_a_resumed_cluster_gives_the_same_bits(tmp_path, preset, whole):
    folder, _ = whole
    for host in HOSTS:  # SageMaker gives every instance the checkpoints of the job
        kept = tmp_path / "part" / host / "checkpoints"
        kept.mkdir(parents=True)
        first = "checkpoint-000000000001.npz"
        shutil.copy(folder / HOSTS[0] / "checkpoints" / first, kept)
    (_, err, status), _ = ended(start(tmp_path / "part", preset))
    assert status == 0, err
    assert "resumed from checkpoint 1 of 2" in err
    assert weights(tmp_path / "part") == weights(folder)
    assert figures(tmp_path / "part")["curve"] == figures(folder)["curve"]
    # Other instances do other things: their checkpoints are none of this job.
    (_, err, status), *_ = ended(start(tmp_path / "part", preset, hosts=HOSTS[:1]))
    assert status == 2
    assert "belong to a job with other settings" in err


def test_instances_that_do_not_agree_are_refused(tmp_path, preset, whole):
    other = preset.with_name("other.toml")
    other.write_text(TINY_PRESET + "gamma = 0.5\n")
    results = ended(start(tmp_path / "settings", (preset, other)))
    assert [status for *_, status in results] == [2, 2]
    assert all("have different settings, loads or models" in err for _, err, _ in results)
    folder, _ = whole
    kept = tmp_path / "part" / HOSTS[0] / "checkpoints"
    shutil.copytree(folder / HOSTS[0] / "checkpoints", kept)
    results = ended(start(tmp_path / "part", preset))
    assert [status for *_, status in results] == [2, 2]
    assert all("have different checkpoints to go on from" in err for _, err, _ in results)


def test_all_instances_stop_together(tmp_path, preset):
    endless = ("--steps", "100000000", "--segment_steps", "512")
    processes = start(tmp_path, preset, *endless)
    for line in processes[0].stdout:
        if line.startswith("Testing>"):
            break
    with pytest.raises(ConnectionRefusedError):  # they meet at one address, not at every one
        socket.create_connection(("127.0.0.3", processes[0].port))
    processes[1].send_signal(signal.SIGTERM)  # one alone is told
    results = ended(processes)
    assert [status for *_, status in results] == [0, 0], results
    assert figures(tmp_path)["stopped"] is True


def test_who_is_left_alone_says_so(tmp_path, preset):
    processes = start(tmp_path, preset, "--steps", "100000000", "--segment_steps", "512")
    for line in processes[0].stdout:
        if line.startswith("Testing>"):
            break
    processes[1].kill()
    (_, err, status), _ = ended(processes)
    assert status == 2
    assert "error: another of the 2 instances of this job has ended or cannot be reached" in err
    assert "Traceback" not in err
    assert list((tmp_path / HOSTS[0] / "checkpoints").glob("*.npz"))


@pytest.mark.slow
def test_a_warm_start_from_toolkit_hindsight_is_shared_as_well(tmp_path):
    from tests.training_src.banks import fixed_policy

    start_from = autoscaling_artifact(tmp_path / "start", fixed_policy())
    words = ["--steps", "3840", "--n_envs", "8", "--batch_size", "480", "--segment_steps", "1920"]
    words += ["--warm_minutes", "120", "--warm_series", "2", "--warm_tests", "2"]
    job = tmp_path / "job"
    results = ended(start(job, "ppo-autoscaling", *words, channel=start_from))
    assert [status for *_, status in results] == [0, 0], results
    assert figures(job)["instances"] == 2


@pytest.mark.parametrize(
    ("host", "changes", "message"),
    [
        (HOSTS[0], {"target_kl": 0.02}, "training.target_kl is 0.02: 2 instances would end"),
        (HOSTS[1], {}, r"the 2 instances of this job did not meet at 127\.0\.0\.1, port \d+: "),
        (HOSTS[0], {}, r"the 2 instances of this job did not meet at 127\.0\.0\.1, port \d+: "),
        (HOSTS[0], {"port": "99999"}, "did not meet at 127.0.0.1, port 99999: "),
        (HOSTS[1], {"port": "none"}, "did not meet at 127.0.0.1, port none: "),
    ],
)
def test_a_cluster_that_cannot_work_is_refused(tmp_path, monkeypatch, host, changes, message):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_cluster.MEETING", timedelta(seconds=2))
    changes = {"port": str(free_port()), **changes}
    monkeypatch.setenv("MASTER_PORT", changes.pop("port"))
    preset = sb3_preset(tmp_path, **changes)
    job = sb3_job(tmp_path, preset=preset, hosts=HOSTS, current_host=host, network_interface="lo")
    with pytest.raises(UserError, match=message):
        find_toolkit("sb3").train(job)


GRADIENTS = """
import sys, torch
from types import SimpleNamespace
from autoscaling_rl.toolkits.sb3_cluster import Cluster
hosts, host = sys.argv[1].split(","), sys.argv[2]
names = dict(hosts=hosts, current_host=host, network_interface="lo", stop=lambda: False)
cluster = Cluster(SimpleNamespace(**names, checkpoints=SimpleNamespace(fingerprint="a1")))
torch.manual_seed(0)
layer = torch.nn.Linear(3, 2)
cluster.share_gradients(layer.parameters())
rows = torch.arange(12.0).reshape(4, 3) ** (1 + cluster.rank)
for _ in range(2):
    layer.zero_grad()
    layer(rows).pow(2).mean().backward()
print(*[value for each in layer.parameters() for value in each.grad.flatten().tolist()])
print(cluster.total([1.0, cluster.rank]).tolist(), cluster.most(-cluster.rank), cluster.path)
cluster.close()
"""


def test_gradients_are_the_means_over_the_instances():
    import torch

    variables = {"MASTER_PORT": str(free_port()), "PYTHONPATH": str(SCRIPT.parent)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GRADIENTS, ",".join(HOSTS), host],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for host in HOSTS
    ]
    (out, err, first), (other, _, second) = ended(processes)
    assert (first, second) == (0, 0), err
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    means = [layer(torch.arange(12.0).reshape(4, 3) ** power).pow(2).mean() for power in (1, 2)]
    (sum(means) / 2).backward()
    expected = [value for each in layer.parameters() for value in each.grad.flatten().tolist()]
    for lines in (out.splitlines(), other.splitlines()):
        np.testing.assert_allclose([float(each) for each in lines[0].split()], expected, rtol=1e-4)
        assert lines[1].startswith("[2.0, 1.0] 0.0")
    assert (out.split()[-1], other.split()[-1]) == ("()", "(1,)")


def seen(folder):
    """Return how many observations the statistics of the newest checkpoint stand for."""
    newest = max((folder / HOSTS[0] / "checkpoints").glob("*.npz"))
    with np.load(newest) as archive:
        return float(archive["observations/count"])


@pytest.mark.slow
def test_statistics_are_those_of_all_instances(tmp_path, preset):
    ended(
        start(tmp_path / "one", preset, "--steps", "512", "--segment_steps", "256", hosts=HOSTS[:1])
    )
    ended(start(tmp_path / "two", preset, "--steps", "1024", "--segment_steps", "512"))
    assert seen(tmp_path / "two") == 2 * seen(tmp_path / "one")


@pytest.mark.parametrize("host", HOSTS)
def test_an_instance_that_waits_for_the_others_can_be_stopped(tmp_path, monkeypatch, host):
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    names = {"hosts": HOSTS, "current_host": host, "network_interface": "lo"}
    with pytest.raises(TrainingStopped, match="before the instances had met"):
        find_toolkit("sb3").train(sb3_job(tmp_path, stop=lambda: True, **names))
