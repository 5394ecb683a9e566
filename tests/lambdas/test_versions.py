"""Versions of the component are counted in each stage, whatever else somebody made by hand."""

import pytest

from lambdas.errors import ConfigurationError
from lambdas.versions import newest_first, next_version


def test_versions_are_counted_in_a_stage() -> None:
    assert next_version("1.0", []) == "1.0.0"
    assert next_version("1.0", ["1.0.9", "1.0.10", "1.1.500", "0.0.7"]) == "1.0.11"
    assert next_version("1.1", ["1.0.9", "1.10.3"]) == "1.1.0"


def test_the_last_version_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"1\.0\.999999 is the last version"):
        next_version("1.0", ["1.0.999999"])


def test_versions_in_another_form_do_not_count() -> None:
    odd = ["1.0.3-beta", "1.0.4+7", "1.0.x", "1.0", "1.0.7.1", "1.0.0999", "1.0.1000000", ""]
    assert next_version("1.0", ["1.0.2", *odd]) == "1.0.3"
    assert newest_first("1.0", [*odd, "1.0.2", "1.0.10"]) == ["1.0.10", "1.0.2"]
