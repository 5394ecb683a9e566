"""The command `serve`: finds the bundle that a model names and runs its serving program.

The container's environment names it: SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY. The latter
may be a folder of the model artifact (/opt/ml/model/code), as SDK version 2 packs it for endpoints
with network isolation.

Exit status: the program's own; 2 if the environment names no bundle or program that can be had;
128 + n if signal n ended it.
"""

import os
import sys

from image.bundle import Request, find_bundle
from image.errors import CommandError
from image.process import end_when_asked, run
from image.tree import base_folder, decoded_text

_MISTAKE = 2
# SageMaker mounts each entry of AdditionalModelDataSources here, under its name.
_ADDITIONAL = "additional-model-data-sources"


def main() -> int:
    """Serve until the program ends and return the exit status."""
    end_when_asked()
    base = base_folder(os.environ)
    program = decoded_text(os.environ.get("SAGEMAKER_PROGRAM", ""))
    request = Request(
        base=base,
        channel=base / _ADDITIONAL / "code",
        program=program,
        submitted=decoded_text(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")),
        program_setting="the variable SAGEMAKER_PROGRAM",
        submitted_setting="the variable SAGEMAKER_SUBMIT_DIRECTORY",
        channel_setting="the additional model data source `code`",
        example="serve.py",
    )
    try:
        folder = find_bundle(request)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return _MISTAKE
    variables = {"SM_MODEL_DIR": str(base / "model"), **os.environ}
    return run([sys.executable, program], folder=folder, variables=variables)


if __name__ == "__main__":
    sys.exit(main())
