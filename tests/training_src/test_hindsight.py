"""The toolkit hindsight: it learns, resumes exactly, and its policy computes the same anywhere."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from autoscaling_rl.artifact import verify, write_artifact
from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.controller.features import NAMES, SIZE
from autoscaling_rl.controller.inference import make_controller
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.state import State
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay
from autoscaling_rl.errors import UserError
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.onnx_export import run_onnx
from autoscaling_rl.presets import load_preset
from autoscaling_rl.rollout import ArtifactPolicy
from autoscaling_rl.toolkits import TrainingJob, TrainingStopped, find_toolkit
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions
from autoscaling_rl.toolkits.hindsight_series import PRICES, draw_series
from autoscaling_rl.toolkits.hindsight_training import scattered
from tests.training_src.banks import DAY, MIDNIGHT, busy_load

TINY = {
    "networks": 1, "steps": 30, "windows": 4, "window_minutes": 120, "series": 6,
    "series_days": 2, "hidden": 8, "segment_steps": 10,
}  # fmt: skip


def job(folder: Path, *, output=None, messages=None, **changes) -> TrainingJob:
    parts = {name: changes.pop(name) for name in ("stop", "hosts", "warm_start") if name in changes}
    load = changes.pop("load", None)
    texts = {name: json.dumps(value) for name, value in {**TINY, **changes}.items()}
    return TrainingJob(
        preset=load_preset("hindsight-autoscaling", texts),
        checkpoints=Checkpoints(folder / "checkpoints"),
        reporter=Reporter(output=output or io.StringIO(), messages=messages or io.StringIO()),
        load_path=load,
        **parts,
    )


def train(folder: Path, **changes):
    return find_toolkit("hindsight").train(job(folder, **changes))


def same(one, other) -> bool:
    return all(
        (one.policy.arrays()[name] == value).all() for name, value in other.policy.arrays().items()
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    return train(tmp_path_factory.mktemp("two"), networks=2, steps=15)


def write(folder, result):
    preset = load_preset("hindsight-autoscaling")
    write_artifact(
        folder,
        policy=result.policy,
        environment=preset.environment,
        preset=preset.effective(),
        seed=0,
        golden_observations=result.golden_observations,
        figures={"training": result.figures},
    )
    return folder


@pytest.fixture(params=["trained", "several"])
def result(request):
    """What training of one network, or of two, ends with."""
    return request.getfixturevalue(request.param)


def test_the_result_is_a_policy_in_fixed_point_with_a_bank(result, several):
    policy = result.policy
    assert policy.fixed_point
    assert policy.inputs == SIZE
    assert BankSettings.of(policy.bank) == BankSettings()
    assert policy.members == (2 if result is several else 1)
    assert result.figures["networks"] == policy.members
    assert result.figures["stopped"] is False
    assert [point[0] for point in result.figures["curve"]][-1] == 30 * 4 * 120


def test_the_bank_keeps_to_the_guard_rails_of_the_preset(tmp_path):
    result = train(tmp_path, steps=1, segment_steps=1, **{"guard.peak_factor": 3.0})
    assert BankSettings.of(result.policy.bank) == BankSettings(peak_factor=3.0)


def test_the_network_does_not_see_the_fleet(trained):
    fleet = NAMES.index("fleet")
    assert not trained.policy.weights[0][fleet].any()
    assert not trained.policy.skip[fleet].any()
    assert trained.policy.skip.any()


def test_the_artifact_verifies_and_reproduces_its_golden_actions(tmp_path, result):
    manifest = verify(write(tmp_path, result))
    loaded = ArtifactPolicy.load(tmp_path)
    assert manifest["observation"]["names"] == list(NAMES)
    with np.load(tmp_path / "golden.npz") as golden:
        np.testing.assert_array_equal(
            loaded.policy.outputs(golden["observations"]), golden["outputs"]
        )
        assert loaded.policy.act(golden["observations"]).tolist() == golden["actions"].tolist()
        assert len(set(golden["actions"].tolist())) > 10


def test_onnx_computes_the_bits_of_numpy(tmp_path, result):
    content = (write(tmp_path, result) / "policy.onnx").read_bytes()
    rows = result.golden_observations
    rng = np.random.default_rng(0)
    far = (rows * rng.uniform(-3, 3, rows.shape)).astype(np.float32)
    for observations in (rows, far, rows[:1]):
        expected = result.policy.outputs(observations)
        np.testing.assert_array_equal(run_onnx(content, observations), expected)


def test_one_row_gives_the_bits_of_many(result):
    rows = result.golden_observations
    alone = np.concatenate([result.policy.outputs(row[None]) for row in rows])
    np.testing.assert_array_equal(alone, result.policy.outputs(rows))


def test_the_result_decides(result):
    controller = make_controller(result.policy)
    load = 250 * busy_load(300)
    state = State(MIDNIGHT, load, failed=0.0, active=1, pending=(), capacity=250.0)
    decision = controller.decide(state)
    assert load[-1] / 250 / 3 < decision.desired < load.max() / 250 * 1.5


def test_a_seed_fixes_the_policy_and_another_seed_gives_another(tmp_path, trained):
    assert same(trained, train(tmp_path / "again"))
    assert not same(trained, train(tmp_path / "other", seed=1))


@pytest.mark.parametrize("segment", [1, 2, 3, 4])
def test_a_stopped_training_resumes_to_the_same_policy(tmp_path, several, segment):
    # Two networks of 15 updates in segments of 10 and 5.
    changes = {"networks": 2, "steps": 15}
    asked = iter([False] * segment + [True] * 100)
    if segment < 4:
        stopped = train(tmp_path, stop=lambda: next(asked), **changes)
        assert stopped.figures["stopped"] is True
        assert stopped.figures["networks"] == 1
    else:
        train(tmp_path, **changes)  # it had ended, and is asked for again
    resumed = train(tmp_path, messages=(messages := io.StringIO()), **changes)
    assert "resumed at update" in messages.getvalue()
    assert same(several, resumed)
    assert resumed.figures == several.figures
    assert (resumed.golden_observations == several.golden_observations).all()


def test_a_stopped_training_keeps_what_it_learnt(tmp_path):
    asked = iter([False, True])
    stopped = train(tmp_path, stop=lambda: next(asked))
    assert [point[0] for point in stopped.figures["curve"]] == [10 * 4 * 120]
    assert len(stopped.golden_observations) >= 64
    verify(write(tmp_path / "model", stopped))


def test_a_training_stopped_at_once_has_no_policy(tmp_path):
    with pytest.raises(TrainingStopped):
        train(tmp_path, stop=lambda: True)


def test_it_learns(tmp_path):
    output = io.StringIO()
    result = train(
        tmp_path, output=output, steps=150, segment_steps=15, windows=16, series=4, hidden=16,
        window_minutes=240, averaging=0.0,
    )  # fmt: skip
    rewards = np.array(result.figures["curve"])[:, 1]
    assert rewards[-3:].mean() > rewards[0] + 0.3
    assert "episode_reward_mean: -" in output.getvalue()
    assert output.getvalue().count("steps_per_second: ") == 10


def test_the_mean_of_past_weights_is_kept_not_the_last(tmp_path, trained):
    last = train(tmp_path, averaging=0.0)
    assert not same(trained, last)
    assert last.figures["curve"] == trained.figures["curve"]  # what is learnt is the same


def test_a_policy_can_decide_alone(tmp_path):
    assert train(tmp_path, bank=False, steps=10).policy.bank is None


@pytest.fixture
def load_file(tmp_path) -> Path:
    load = np.rint(250 * busy_load(4 * DAY))
    start = np.datetime64("2026-01-05T00:00")
    rows = [
        f"{start + minute}:00Z,{value:.0f}"
        for minute, value in zip(range(4 * DAY), load, strict=True)
    ]
    path = tmp_path / "load.csv"
    path.write_text("timestamp,requests\n" + "\n".join(rows) + "\n")
    return path


def test_a_recorded_load_changes_what_is_learnt(tmp_path, trained, load_file):
    assert not same(trained, train(tmp_path, load=load_file))


def drawn(load_path=None, *, seed=0, **changes):
    options = HindsightOptions(**{**TINY, **changes})
    rng = np.random.default_rng(seed)
    return list(draw_series(options, AutoScalingSettings(), rng, load_path))


def test_a_share_of_the_loads_is_cut_from_the_recording(load_file):
    rates = Replay.of(str(load_file)).rates
    series = drawn(load_file, series=6, own_share=0.5)
    found = []
    for each in series:
        # Sizes differ: a cut is recognised by the ratios of its minutes.
        places = [
            place
            for place in range(len(rates) - 100)
            if np.isclose(each.load[1] * rates[place], each.load[0] * rates[place + 1], rtol=1e-6)
        ]
        cuts = (rates[place : place + 100] for place in places)
        found.append(
            any(
                np.allclose(each.load[:100] / each.load[0], cut / cut[0], rtol=1e-5) for cut in cuts
            )
        )
    assert found == [True] * 3 + [False] * 3


def test_loads_come_with_what_there_is_to_gain():
    for each in drawn(series=5):
        assert each.features.shape == (len(each.load), SIZE)
        assert np.isfinite(each.features).all()
        gains = [each.gain_at(price) for price in PRICES]
        assert min(gains) > 0
        assert np.log(each.gain_at(PRICES[0])) == pytest.approx(each.gain[0])
        assert each.gain_at(10.0) == pytest.approx(np.sqrt(gains[0] * gains[1]))


def test_features_belong_to_the_minute_before_the_load_that_they_decide_for():
    series = drawn(series=3)[0]
    lag = NAMES.index("lag_1")
    known = np.expm1(series.features[1:, lag].astype(float) + series.features[1:, 0])
    assert known == pytest.approx(series.load[:-1], rel=1e-3, abs=1e-3)


def test_a_metric_delay_takes_the_features_of_earlier_minutes():
    options = HindsightOptions(**TINY)
    settings = AutoScalingSettings(metric_delay_minutes=3)
    rng = np.random.default_rng(0)
    series = next(iter(draw_series(options, settings, rng, None)))
    lag = NAMES.index("lag_1")
    known = np.expm1(series.features[4:, lag].astype(float) + series.features[4:, 0])
    assert known == pytest.approx(series.load[:-4], rel=1e-3, abs=1e-3)


def test_warm_ups_scatter_about_the_nominal_one():
    rng = np.random.default_rng(0)
    tables = [scattered(rng, 10) for _ in range(400)]
    alike = [len(set(table.tolist())) == 1 for table in tables]
    assert 0.5 < np.mean(alike) < 0.7
    assert all((table == 10).all() for table, equal in zip(tables, alike, strict=True) if equal)
    others = np.array([table for table, equal in zip(tables, alike, strict=True) if not equal])
    assert others.min() >= 1
    assert np.median(others) == 10
    assert 0.3 < (others[:, -1] == 21).mean() < 0.7  # a launch that failed, and another
    assert scattered(rng, 0).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment.id": "CartPole-v1"}, 'set toolkit = "sb3"'),
        ({"environment.profile": "sample"}, 'set toolkit = "sb3"'),
        ({"warm_start": Path("model")}, "leave the channel `checkpoint` away"),
        ({"hosts": ("algo-1", "algo-2")}, "set instance_count to 1"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        train(tmp_path, **changes)
