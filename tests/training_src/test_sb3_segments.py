"""How PPO's rollouts are shared among segments, and that episodes end within one."""

import io

import pytest

from autoscaling_rl.environment_factory import longest_episode, make_vector_environment
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.toolkits import find_toolkit
from tests.training_src.jobs import sb3_job, sb3_preset

AUTOSCALING = {"environment.id": "AutoScaling-v0", "environment.episode_minutes": 60}


@pytest.mark.parametrize(
    ("changes", "segments"),
    [
        ({}, (2, 2)),
        ({"segment_steps": 0}, (1, 1, 1, 1)),
        ({"segment_steps": 10**9}, (4,)),
        ({"steps": 1300}, (2, 2, 2)),
        ({"steps": 1}, (1,)),
    ],
)
def test_segments_share_the_rollouts_evenly(tmp_path, changes, segments):
    options = sb3_preset(tmp_path, **changes).training
    assert options.segments() == segments
    assert sum(segments) * options.rollout >= options.steps


@pytest.mark.parametrize(
    ("longest", "segments"),
    [
        (0, (3,) * 6 + (2,) * 4),
        (64, (3,) * 6 + (2,) * 4),
        (65, (4,) * 2 + (3,) * 6),
        (192, (7, 7, 6, 6)),
        (416, (9, 9, 8)),  # three at least: a job on spot goes on from the last one
        (10**6, (9, 9, 8)),
    ],
)
def test_a_segment_has_time_for_two_of_the_longest_episodes(tmp_path, longest, segments):
    options = sb3_preset(tmp_path, segment_steps=0, steps=26 * 256).training
    assert options.segments(longest) == segments


def test_segments_that_are_asked_for_are_made_however_long_episodes_are(tmp_path):
    assert sb3_preset(tmp_path).training.segments(10**6) == (2, 2)


@pytest.mark.parametrize(
    ("changes", "episode_steps", "longest"),
    [
        ({}, 0, 500),
        ({}, 50, 50),
        ({"environment.max_episode_steps": 40}, 50, 40),
        ({"environment.id": "Identity-v0"}, 0, 0),
        ({"environment.id": "AutoScaling-v0"}, 0, 7 * 1440),
        (AUTOSCALING, 30, 30),
    ],
)
def test_the_time_limit_of_an_environment_is_known(tmp_path, changes, episode_steps, longest):
    environment = sb3_preset(tmp_path, **changes).environment
    env = make_vector_environment(environment, 2, episode_steps=episode_steps)
    assert longest_episode(env) == longest
    env.close()


@pytest.mark.parametrize(
    ("changes", "episodes", "warnings"),
    [
        ({"environment.max_episode_steps": 100, "segment_steps": 0, "steps": 3072}, 24, 0),
        ({"environment.max_episode_steps": 100}, 8, 0),
        ({"segment_steps": 0}, 0, 1),
        ({"episode_steps": 100, "segment_steps": 256}, 0, 1),
    ],
    ids=["default", "long", "unknown", "short"],
)
def test_episodes_end_within_a_segment_or_it_is_told_once(tmp_path, changes, episodes, warnings):
    preset = sb3_preset(
        tmp_path, **{"environment.id": "Identity-v0", "environment.length": 150, **changes}
    )
    messages = io.StringIO()
    reporter = Reporter(output=io.StringIO(), messages=messages)
    trained = find_toolkit("sb3").train(sb3_job(tmp_path, preset=preset, reporter=reporter))
    assert trained.figures["episodes"] == episodes
    told = [line for line in messages.getvalue().splitlines() if "no episode ended" in line]
    assert len(told) == warnings
    assert all("64 steps of each" in line and "training.segment_steps" in line for line in told)
