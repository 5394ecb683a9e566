"""The server program of the local AWS: `python -m local_mode.server --port N --state-dir DIR`.

Prints one line once it answers and then nothing. SIGTERM, SIGINT, or the end of its standard input
with `--exit-with-stdin`, end it and every process that it started.
"""

import argparse
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from local_mode.errors import UserError

READY = "local AWS ready at "
# How long the end may wait for the listener to notice.
_POLL_SECONDS = 0.05


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to end; return the exit status."""
    options = _parse(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        listener = _listen(options.port)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    options.state_dir.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=options.state_dir / "server.log",
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Every request would be a line otherwise.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    if options.exit_with_stdin:
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
    _serve(options, listener, stop)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_mode.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="jobs, endpoints, the log")
    parser.add_argument("--cache-dir", type=Path, help="code and compiled kernels")
    parser.add_argument("--max-training-jobs", type=int, default=4)
    parser.add_argument("--stop-grace", type=float, default=120.0, help="seconds before SIGKILL")
    parser.add_argument("--startup-limit", type=float, default=240.0, help="seconds to /ping")
    parser.add_argument("--exit-with-stdin", action="store_true")
    return parser.parse_args(argv)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    # A port whose last connections are still fading away is free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OverflowError:
        raise UserError(f"--port {port}: ports are 0 to 65535; 0 takes a free one") from None
    except OSError as error:
        raise UserError(
            f"--port {port}: cannot listen on 127.0.0.1:{port} ({error.strerror}); "
            "end the program that uses it or choose another port"
        ) from None
    listener.listen(128)
    return listener


def _watch_stdin(stop: threading.Event) -> None:
    # Not sys.stdin: its lock, held by a thread that waits, would abort the interpreter's end.
    while os.read(0, 1024):
        pass
    stop.set()


def _serve(options: argparse.Namespace, listener: socket.socket, stop: threading.Event) -> None:
    # Collecting garbage while modules load costs a fifth of the time; `assemble` turns it on again.
    gc.disable()
    from werkzeug.serving import make_server

    from local_mode.aws.assembly import assemble
    from local_mode.aws.moto_edge import request_handler
    from local_mode.aws.processes import ProcessKeeper
    from local_mode.aws.settings import Settings

    port: int = listener.getsockname()[1]
    settings = Settings(
        port=port,
        state_dir=options.state_dir.resolve(),
        cache_dir=(options.cache_dir or options.state_dir / "cache").resolve(),
        max_training_jobs=options.max_training_jobs,
        stop_grace=options.stop_grace,
        startup_limit=options.startup_limit,
    )
    keeper = ProcessKeeper()
    try:
        front = assemble(settings, keeper)
        server = make_server(
            "127.0.0.1",
            port,
            front,
            threaded=True,
            request_handler=request_handler(),
            fd=listener.fileno(),
        )
        threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        print(f"{READY}{settings.endpoint_url}", flush=True)
        stop.wait()
        server.shutdown()
        front.close()
    finally:
        keeper.close()
        # Nothing is left to free: the interpreter's last collection would only walk through
        # everything that moto has loaded, for more than a second.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
