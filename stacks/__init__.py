"""The workflow on AWS: stacks are deployment units that only wire, parts are logical units."""

import os
import sys
from pathlib import Path

# The CDK's library runs Node. The one that is installed beside this Python is a version that it
# supports; without it, whatever `node` there is must do.
_NODE = Path(sys.prefix) / "bin" / "node"
if _NODE.exists():
    os.environ.setdefault("JSII_NODE", str(_NODE))
