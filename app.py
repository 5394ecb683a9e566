"""The CDK app: `cdk synth`, `cdk deploy --all -c stage=dev`; needs no account and no network.

`-c stage=pipeline` is what delivers the stages instead of one of them.
"""

import sys

from stacks.app import main

if __name__ == "__main__":
    sys.exit(main())
