"""The process of an endpoint: listens, verifies its model, answers, and drains on SIGTERM."""

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn

from autoscaling_rl.errors import UserError
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from autoscaling_rl.serving.protocol import Protocol

logger = logging.getLogger(__name__)

# SageMaker sends SIGKILL 30 s after SIGTERM; what a thread has begun takes a few seconds more.
DRAIN_SECONDS = 20
# Longer than a load balancer keeps idle connections, so that it is never the server who closes one.
KEEP_ALIVE_SECONDS = 75


def serve(folder: Path, *, host: str, port: int, guard: Mapping[str, Any] | None = None) -> bool:
    """Serve the artifact in `folder` until SIGTERM or SIGINT, then finish accepted requests.

    A model that is wrong or missing is answered with 503 and the reason, by /ping too.

    Args:
        folder: of the unpacked artifact.
        host: address to listen on.
        port: port to listen on; 0: any.
        guard: settings of the guard rails in place of the artifact's.

    Returns:
        Whether all is done. If not, a thread still works on what nobody waits for any more, which
        the end of the interpreter would wait for.

    Raises:
        UserError: if the address cannot be listened on.
    """
    listener = listen(host, port)
    application = Application(Model(folder, guard))
    server = uvicorn.Server(configuration(application))

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    # The server puts its own handlers in place of these and, having drained, raises the signal
    # again for them: with the default ones the process would then die of it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    address = {"host": host, "port": listener.getsockname()[1], "pid": os.getpid()}
    logger.info("listening", extra={"details": {**address, "model": str(folder)}})
    threading.Thread(target=load, args=(application.model,), name="load", daemon=True).start()
    server.run(sockets=[listener])
    done = application.close()
    logger.info("stopped", extra={"details": {"requests": server.server_state.total_requests}})
    return done


def load(model: Model) -> None:
    """Verify the model and load it."""
    model.load()
    # What is there by now stays: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()


def configuration(application: Application) -> uvicorn.Config:
    """Return the settings of the HTTP server."""
    return uvicorn.Config(
        application,
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 is any free one.

    Raises:
        UserError: if the address is in use or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"cannot listen on {host} port {port}: {reason}; pass another --host or --port"
        ) from error
