"""Entry script of the endpoint: answers GET /ping and POST /invocations with a model artifact.

    python serve.py --model-dir DIR [--port 8080] [--host 127.0.0.1] [--guard JSON]

On SageMaker it serves /opt/ml/model on the port that SAGEMAKER_BIND_TO_PORT names. It listens on
all interfaces only there, in a container; elsewhere on loopback. Settings of the guard rails that
--guard or the variable GUARD_SETTINGS holds as JSON take the place of the artifact's.

Exit status: 0 after SIGTERM or SIGINT, accepted requests being answered; 2 for a mistake of the
user, named in one line. A wrong or missing model does not end the process: /ping answers 503 and
why.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoscaling_rl.errors import UserError
from autoscaling_rl.paths import BASE, BASE_VARIABLE, job_paths

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
DEFAULT_PORT = "8080"
GUARD_VARIABLE = "GUARD_SETTINGS"
GUARD_EXAMPLE = '{"most_removed": 2}'


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop and return the exit status."""
    arguments = parse_arguments(argv)
    # One small network gains nothing from more threads, and each of them takes memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from autoscaling_rl.serving.logs import log_to_stdout
    from autoscaling_rl.serving.server import serve

    try:
        folder = Path(arguments.model_dir) if arguments.model_dir else model_folder()
        port = port_number(arguments.port or os.environ.get(PORT_VARIABLE) or DEFAULT_PORT)
        guard = guard_settings(arguments.guard or os.environ.get(GUARD_VARIABLE) or "{}")
        host = arguments.host or default_host(os.environ)
        with log_to_stdout():
            done = serve(folder, host=host, port=port, guard=guard)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    if not done:  # at its end the interpreter would wait for work that nobody waits for
        os._exit(0)
    return 0


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's arguments, None for those that are not given."""
    parser = argparse.ArgumentParser(prog="serve.py", description="Serve a model artifact.")
    parser.add_argument("--model-dir", help="folder of the unpacked artifact")
    parser.add_argument("--port", help=f"default: {PORT_VARIABLE}, else {DEFAULT_PORT}; 0: any")
    parser.add_argument("--guard", help=f"JSON, such as {GUARD_EXAMPLE}; default: {GUARD_VARIABLE}")
    parser.add_argument("--host", help="default: 127.0.0.1; 0.0.0.0 in a container of SageMaker")
    return parser.parse_args(argv)


def model_folder() -> Path:
    """Return the folder that SageMaker puts the model into.

    Raises:
        UserError: if this is no container of SageMaker, nor made to look like one.
    """
    try:
        return job_paths().model
    except UserError as error:
        raise UserError(
            f"nothing says where the model is: pass --model-dir DIR, or set {BASE_VARIABLE} to a"
            " folder that holds it as `model`"
        ) from error


def port_number(text: str) -> int:
    """Return the port that `text` names.

    Raises:
        UserError: if it is none.
    """
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise UserError(
            f"the port is {text[:80]!r}: give --port or {PORT_VARIABLE} a number from 0 to 65535"
        )
    return int(text)


def guard_settings(text: str) -> dict[str, Any]:
    """Return the settings of the guard rails in a text.

    Raises:
        UserError: it is no JSON object, or a setting is unknown or wrong.
    """
    from autoscaling_rl.controller.guard import GuardSettings

    try:
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("guard: must be a JSON object")
        GuardSettings.of(given)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{error}: correct --guard or {GUARD_VARIABLE}, such as {GUARD_EXAMPLE}"
        ) from error
    return given


def default_host(variables: Mapping[str, str]) -> str:
    """Return the address to listen on: every interface in a container of SageMaker alone."""
    return "0.0.0.0" if Path(BASE).is_dir() and BASE_VARIABLE not in variables else "127.0.0.1"


if __name__ == "__main__":
    sys.exit(main())
