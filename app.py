"""The CDK app: `cdk synth`, `cdk deploy --all -c stage=dev`; needs no account and no network."""

import sys

from aws_cdk import App

from stacks.build import build
from stacks.config import stage_config
from stacks.errors import ConfigError


def main() -> int:
    """Synthesise the stage that the context names; return the exit status."""
    app = App()
    try:
        build(
            app,
            stage_config(app.node.try_get_context("project"), app.node.try_get_context("stage")),
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
