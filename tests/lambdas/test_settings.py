"""Environment variables: complete and of the right type, or named."""

from dataclasses import dataclass

import pytest

from lambdas.errors import ConfigurationError
from lambdas.settings import read_settings


@dataclass(frozen=True)
class Settings:
    project: str
    poll_seconds: int
    kms_key_arn: str = ""


def test_fields_are_filled_from_the_variables_of_their_names() -> None:
    variables = {"PROJECT": "rl", "POLL_SECONDS": "30", "KMS_KEY_ARN": "key", "OTHER": "x"}
    assert read_settings(Settings, variables) == Settings("rl", 30, "key")


def test_an_empty_variable_is_an_absent_one() -> None:
    variables = {"PROJECT": "rl", "POLL_SECONDS": "0", "KMS_KEY_ARN": ""}
    assert read_settings(Settings, variables) == Settings("rl", 0)


def test_all_that_is_wrong_is_named_together() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Settings, {"PROJECT": "", "POLL_SECONDS": "soon"})
    assert str(caught.value) == (
        "The function's environment is not complete: PROJECT is not set; "
        "POLL_SECONDS must be a whole number, not 'soon'. Deploy it again."
    )
