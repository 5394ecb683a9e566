"""The CDK app: `cdk synth`, `cdk deploy --all -c stage=dev`; needs no account and no network.

`-c stage=pipeline` is what delivers the stages instead of one of them.
"""

import sys

from aws_cdk import App

from stacks.build import build
from stacks.config import KNOWN_CONTEXT, stage_config
from stacks.errors import ConfigError
from stacks.pipeline_config import pipeline_config
from stacks.pipeline_stack import build_pipeline


def main() -> int:
    """Synthesise what the context names; return the exit status."""
    app = App()
    project, stage = (app.node.try_get_context(key) for key in KNOWN_CONTEXT)
    try:
        if stage == "pipeline":
            build_pipeline(app, pipeline_config(project))
        else:
            build(app, stage_config(project, stage))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
