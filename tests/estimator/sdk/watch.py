"""Watches a program that uses a SageMaker SDK: what it asks AWS for, and whom it talks to.

Imported by the scripts here, which run in the SDK's own environment: the standard library and
botocore alone.
"""

import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOOPBACK = ("127.", "localhost", "::1")


def refuse_outside(note: Callable[[str], None]) -> None:
    """Refuse every connection to another machine, and note whom it was meant for.

    By an audit hook, which sees every socket, whatever library opens it, and cannot be taken off.
    """

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
            host = arguments[0]
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            # Anything but a pair is the path of a socket of this machine.
            host = arguments[1][0] if isinstance(arguments[1], tuple) else None
        else:
            return
        if host is not None and not str(host).startswith(_LOOPBACK):
            note(str(host))
            raise ConnectionRefusedError(f"{host} is not this machine")

    sys.addaudithook(audit)


class Watch:
    """Notes every call to AWS and every address, and refuses those that are not this machine's.

    Attributes:
        calls: Service, operation and parameters, in order.
        refused: Hosts outside this machine that something wanted to reach.
    """

    def __init__(
        self, answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None
    ):
        """Start to watch.

        Args:
            answers: Operations that are not sent: what is answered instead.
        """
        self.calls: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self._answers = answers or {}
        refuse_outside(self.refused.append)
        self._record()

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of each call of an operation."""
        return [call["parameters"] for call in self.calls if call["operation"] == operation]

    def report(self, path: str, **members: Any) -> None:
        """Write what was seen, and `members`, as JSON."""
        document = {"calls": self.calls, "refused": self.refused, **members}
        Path(path).write_text(json.dumps(document, default=_plain))

    def _record(self) -> None:
        from botocore.client import BaseClient

        send = BaseClient._make_api_call

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            service = client.meta.service_model.service_name
            call = {"service": service, "operation": operation, "parameters": parameters}
            # A copy: callers go on changing what they sent.
            self.calls.append(json.loads(json.dumps(call, default=_plain)))
            if operation in self._answers:
                return self._answers[operation](parameters)
            return send(client, operation, parameters)

        BaseClient._make_api_call = call


def _plain(value: Any) -> str:
    """Write times as botocore takes them; a body that is sent counts for nothing here."""
    return value.isoformat() if isinstance(value, datetime.datetime) else ""
