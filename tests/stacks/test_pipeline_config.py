"""Nonsense in what delivers the stages is refused, a line for each mistake."""

from dataclasses import replace
from typing import Any

import pytest

from stacks import checked_config
from stacks.config import STAGES
from stacks.errors import ConfigError
from stacks.pipeline_config import GitHub, pipeline_config
from stacks.presets import toolkits
from tests.stacks.delivery import (
    CONFIGURED,
)
from tests.stacks.synthesis import PROJECT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"connection_arn": None, "github": None}, "connection_arn: is not set, nor is github"),
        ({"connection_arn": "arn:aws:iam::1:role/x"}, "connection_arn: 'arn:aws:iam::1:role/x'"),
        ({"repository": "autoscaling"}, "repository: 'autoscaling' is none; use owner/name"),
        ({"branch": ""}, "branch: is empty"),
        ({"stages": ("dev",)}, "stages: dev; name two or more"),
        ({"stages": ("dev", "dev")}, "stages: dev, dev; name two or more, each once"),
        ({"stages": ("dev", "live")}, "stages: 'live' does not exist"),
        ({"check_preset": "a b"}, "check_preset: 'a b'"),
        (
            {"check_preset": "ppo-cartpol"},
            "check_preset: 'ppo-cartpol' is no preset of training_src/presets; choose one of h",
        ),
        ({"drift_every_days": -1}, "drift_every_days: -1 must be within 0 and 365"),
        ({"drift_every_days": "7"}, "drift_every_days: '7' is no whole number"),
        ({"stages": "dev"}, "stages: 'dev' is one text, not several; write ('dev',)"),
        ({"github": "o/r"}, "github: 'o/r' is none; write GitHub(...)"),
        ({"alarm_email": "team"}, "alarm_email: 'team' is no address"),
        (
            {"permissions_boundary": "arn:aws:iam::111122223333:policy/org"},
            "permissions_boundary: 'arn:aws:iam::111122223333:policy/org' is no policy's name",
        ),
        ({"access_logs_bucket": "My Logs"}, "access_logs_bucket: 'My Logs' is no bucket's name"),
        ({"log_days": 2}, "log_days: CloudWatch keeps"),
        ({"github": GitHub(repository="o")}, "github.repository: 'o' is none"),
        ({"github": GitHub(repository="o/r@1")}, "github.repository: 'o/r@1' is none"),
        ({"github": GitHub(repository="o/r", provider_arn="x")}, "github.provider_arn: 'x'"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_synthesised(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        pipeline_config(PROJECT, replace(CONFIGURED, **change))
    assert str(caught.value).startswith(f"stacks/pipeline_config.py: {message}")


def test_every_mistake_gets_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        pipeline_config(PROJECT, replace(CONFIGURED, repository="", branch="", log_days=0))
    assert len(str(caught.value).splitlines()) == 3


def test_a_project_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="project: None is no name"):
        pipeline_config(None, CONFIGURED)


@pytest.mark.parametrize("preset", toolkits())
def test_every_preset_can_check_where_the_image_trains_it(
    monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    configured = replace(CONFIGURED, check_preset=preset)
    if toolkits()[preset] == "sb3":
        with pytest.raises(ConfigError, match=f"check_preset: {preset} trains with sb3, and the"):
            pipeline_config(PROJECT, configured)
    with_torch = {name: replace(each, image_torch="cpu") for name, each in STAGES.items()}
    monkeypatch.setattr(checked_config, "STAGES", with_torch)
    assert pipeline_config(PROJECT, configured)
