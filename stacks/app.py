"""The CDK app: what the context names, synthesised."""

import difflib
import re
import sys

from aws_cdk import App

from stacks.build import build
from stacks.checked_config import KNOWN_CONTEXT, stage_config
from stacks.errors import ConfigError
from stacks.pipeline_config import pipeline_config
from stacks.pipeline_stack import build_pipeline

# Nearly all of the toolkit's own keys hold one of these; the others are all that it has.
_MARK = re.compile("[:/@]")
_WITHOUT_MARK = ("acknowledged-issue-numbers", "cli-telemetry")


def main() -> int:
    """Synthesise what the context names; return the exit status."""
    app = App()
    try:
        _check_context(app)
        project, stage = (app.node.try_get_context(key) for key in KNOWN_CONTEXT)
        if stage == "pipeline":
            build_pipeline(app, pipeline_config(project))
        else:
            build(app, stage_config(project, stage))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    app.synth()
    return 0


def _check_context(app: App) -> None:
    """Refuse keys that nothing reads: a typing mistake would deploy the default stage.

    Raises:
        ConfigError: Names the key and the nearest known one.
    """
    for key in app.node.get_all_context():
        if not _MARK.search(key) and key not in (*KNOWN_CONTEXT, *_WITHOUT_MARK):
            nearest = difflib.get_close_matches(key, KNOWN_CONTEXT, n=1, cutoff=0)[0]
            raise ConfigError(
                f"context key {key!r} is not known; did you mean {nearest!r}? Known are "
                f"{' and '.join(KNOWN_CONTEXT)}; everything else stands in stacks/config.py"
            )
