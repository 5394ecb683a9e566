"""The context chooses project and stage; a typing mistake in a key deploys nothing."""

import pytest

from tests.stacks.synthesis import CONTEXT, prepare_node


def choose(monkeypatch: pytest.MonkeyPatch, context: dict[str, object]) -> int:
    """Return the exit status of the app with this context beside that of `cdk.json`."""
    prepare_node()
    import aws_cdk

    from stacks import app

    monkeypatch.setattr(app, "App", lambda: aws_cdk.App(context=CONTEXT | context))
    monkeypatch.setattr(app, "build", lambda scope, config: None)
    return app.main()


@pytest.mark.parametrize("key", ["stag", "stage-name", "stage2", "Stage", "stage.name", "projekt"])
def test_a_key_that_nothing_reads_is_refused(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(monkeypatch, {key: "prod"}) == 2
    [line] = capsys.readouterr().err.splitlines()
    nearest = "project" if key == "projekt" else "stage"
    assert line.startswith(f"context key {key!r} is not known; did you mean {nearest!r}?")


@pytest.mark.parametrize(
    "key",
    [
        "@aws-cdk/core:bootstrapQualifier",
        "aws:cdk:enable-path-metadata",
        "availability-zones:account=123456789012:region=us-east-1",
        "acknowledged-issue-numbers",
    ],
)
def test_the_keys_of_the_toolkit_are_its_own(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(monkeypatch, {key: "rlauto"}) == 0
