"""Training on a GPU: skipped where there is none; what is said where it is not used, everywhere."""

import io
import os

import numpy as np
import pytest

from autoscaling_rl.artifact import verify
from autoscaling_rl.errors import UserError
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.presets import load_preset
from autoscaling_rl.toolkits import find_toolkit
from tests.training_src.jobs import (
    cartpole_model,
    observations,
    sb3_job,
    sb3_preset,
    stop_after,
    weights,
)

torch = pytest.importorskip("torch")
THERE = torch.cuda.is_available()
on_gpu = pytest.mark.skipif(not THERE, reason="there is no GPU that PyTorch can use")
without_gpu = pytest.mark.skipif(THERE, reason="there is a GPU")


def train(folder, name, preset=None, **parts):
    said = io.StringIO()
    reporter = Reporter(output=io.StringIO(), messages=said)
    job = sb3_job(folder, preset=preset, checkpoints=name, reporter=reporter, **parts)
    return find_toolkit(job.preset.toolkit).train(job), said.getvalue()


@on_gpu
def test_a_gpu_is_used_where_there_is_one(tmp_path):
    trained, said = train(tmp_path, "auto")
    assert trained.figures["device"] == "cuda"
    assert f"on the GPU, {torch.cuda.get_device_name()}" in said
    chosen, said = train(tmp_path, "cpu", sb3_preset(tmp_path, device="cpu"))
    assert chosen.figures["device"] == "cpu"
    assert "on the GPU" not in said


@on_gpu
@pytest.mark.parametrize("changes", [{}, {"environment.id": "Pendulum-v1", "hidden": [512, 512]}])
def test_a_job_that_is_resumed_on_a_gpu_gives_the_same_bits(tmp_path, changes, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    preset = sb3_preset(tmp_path, device="cuda", **changes)
    whole, _ = train(tmp_path, "whole", preset)
    part, _ = train(tmp_path, "part", preset, stop=stop_after(4))
    assert part.figures["stopped"] is True
    resumed, said = train(tmp_path, "part", preset)
    assert "resumed" in said
    assert weights(resumed.policy) == weights(whole.policy)


@on_gpu
def test_what_a_gpu_trained_goes_on_without(tmp_path, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    train(tmp_path, "moved", sb3_preset(tmp_path, device="cuda"), stop=stop_after(4))
    trained, said = train(tmp_path, "moved", sb3_preset(tmp_path, device="cpu"))
    assert "resumed" in said
    assert trained.figures["stopped"] is False
    folder = cartpole_model(tmp_path / "model", trained)
    verify(folder)
    warm, _ = train(tmp_path, "warm", sb3_preset(tmp_path, device="cuda"), warm_start=folder)
    assert np.isfinite(warm.policy.outputs(observations(10))).all()


@on_gpu
def test_the_numpy_policy_is_the_one_on_the_gpu(tmp_path):
    from autoscaling_rl.toolkits.sb3_training import Training

    preset = sb3_preset(tmp_path, device="cuda")
    with Training(sb3_job(tmp_path, preset=preset)) as training:
        training.run()
        rows = observations(500) * 5
        scaled = torch.from_numpy(training.scaler.apply(rows, learn=False)).cuda()
        with torch.no_grad():
            expected = training.model.policy.get_distribution(scaled).mode().cpu().numpy()
        np.testing.assert_array_equal(training._policy().act(rows), expected)


@on_gpu
def test_the_warm_start_of_the_default_problem_runs_on_a_gpu(tmp_path):
    from tests.training_src.banks import fixed_policy
    from tests.training_src.endpoints import autoscaling_artifact

    start = autoscaling_artifact(tmp_path / "start", fixed_policy())
    changes = {"steps": 4096, "n_envs": 8, "batch_size": 480}
    changes |= {"warm_minutes": 120, "warm_series": 2, "warm_tests": 2}
    texts = {f"training.{name}": str(value) for name, value in changes.items()}
    preset = load_preset("ppo-autoscaling", {**texts, "training.device": "auto"})
    trained, _ = train(tmp_path, "warm", preset, warm_start=start)
    assert trained.figures["device"] == "cuda"


@without_gpu
def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(UserError, match=r'training.device is "cuda", but there is no GPU'):
        train(tmp_path, "a", sb3_preset(tmp_path, device="cuda"))


@pytest.mark.parametrize(("gpus", "told"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_an_idle_gpu_is_told(tmp_path, monkeypatch, gpus, told):
    monkeypatch.delenv("SM_NUM_GPUS", raising=False)
    if gpus is not None:
        monkeypatch.setitem(os.environ, "SM_NUM_GPUS", gpus)
    _, said = train(tmp_path, "cpu", sb3_preset(tmp_path, device="cpu"))
    assert ("the GPU of this instance is idle" in said) == told
    smoke = load_preset("smoke", {})
    _, said = train(tmp_path, "cem", smoke)
    assert ("computes on the CPU" in said) == told
