"""Guard rails in a preset: a table of their own, with the place in every error."""

import pytest

from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import describe, load_preset, preset_from_manifest


def test_guard_rails_stand_in_a_table_of_their_own(tmp_path):
    path = tmp_path / "guarded.toml"
    path.write_text("[guard]\nmost_removed = 2\n")
    preset = load_preset(path, {"guard.most_added": "5", "short_minutes": "90"})
    chosen = {"most_removed": 2, "most_added": 5, "short_minutes": 90}
    assert preset.guard == preset.effective()["guard"] == chosen
    assert preset_from_manifest(preset.effective()).guard == chosen
    assert "guard.most_removed = 2  # likewise removed." in describe(preset)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("most_removed = -2", "line 2: guard: most_removed must be a whole number from 0"),
        ("most_remove = 2", "line 2: guard: unknown setting 'most_remove', known are"),
        ("peak_factor = true", "line 2: guard: peak_factor must be a number from 1.0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path, line, message):
    path = tmp_path / "guarded.toml"
    path.write_text(f"[guard]\n{line}\n")
    with pytest.raises(UserError, match=message):
        load_preset(path)


def test_a_wrong_hyperparameter_is_named():
    reason = r"^hyperparameter guard\.peak_factor: guard: peak_factor must be a number"
    with pytest.raises(UserError, match=reason):
        load_preset("smoke", {"guard.peak_factor": "0"})
