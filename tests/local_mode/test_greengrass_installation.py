"""One version of a component on a device: its script and its configuration."""

from pathlib import Path
from typing import Any

import pytest

from local_mode.greengrass.installation import Installation, InstallationError, without


def installation(tmp_path: Path, script: str = "true", **manifest: Any) -> Installation:
    return Installation(
        tmp_path,
        {
            "ComponentName": "a",
            "ComponentVersion": "1.0.0",
            "Manifests": [{"Lifecycle": {"run": {"Script": script}}, **manifest}],
        },
    )


def test_a_script_gets_what_its_variables_stand_for(tmp_path: Path) -> None:
    found = installation(tmp_path, "x {kernel:rootPath} {configuration:/a/b~1c} ${HOME}")
    assert found.script({"a": {"b/c": 0.5}}, "thing") == f"x {tmp_path} 0.5 ${{HOME}}"
    for script in ("{configuration:/nothing}", "{artifacts:other}"):
        with pytest.raises(InstallationError):
            installation(tmp_path, script).script({}, "thing")
    with pytest.raises(InstallationError, match="linux"):
        installation(tmp_path, Platform={"os": "windows"}).script({}, "thing")
    with pytest.raises(InstallationError, match="neither"):
        installation(tmp_path, Lifecycle={"install": {"Script": "x"}}).script({}, "thing")


def test_values_are_taken_out_of_a_configuration() -> None:
    values = {"a": {"b": 1, "c": 2}, "d": 3}
    without(values, ["/a/b", "/nothing/here", "/d"])
    assert values == {"a": {"c": 2}}
    without(values, [""])
    assert values == {}
