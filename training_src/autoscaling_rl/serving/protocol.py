"""HTTP over TCP for clients that say they have sent everything, and for those that never do."""

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from autoscaling_rl.controller.inference import error_body

# From a connection's beginning, or the first byte of a request, to the last byte of its body.
REQUEST_SECONDS = 60.0


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol that answers half-closed connections and ends unfinished requests.

    uvicorn gives a connection up when the client closes its side of it, even if the request was
    complete, and waits for headers and bodies as long as it takes.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unfinished = True  # whether a request, or the connection's first, is still to come

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection: its first request must come soon."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what was sent: what is begun must be complete soon."""
        super().data_received(data)
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for an answer that is due, and close it after that."""
        if due := self._answer_due():
            self.cycle.keep_alive = False
        return due

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unfinished = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Finish a request."""
        self._unfinished = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._unfinished = False
        self._watch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._unfinished and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)
        elif self._deadline is not None and not self._unfinished:
            self._deadline.cancel()
            self._deadline = None

    def _answer_due(self) -> bool:
        """Return whether a request has come that is not answered yet."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _give_up(self) -> None:
        transport, self._deadline = self.transport, None
        if transport.is_closing():
            return
        if self._answer_due():  # to the request before: later
            self._watch()
            return
        if self.cycle is not None and not self.cycle.response_started:
            transport.write(too_late())
        transport.close()


def too_late() -> bytes:
    """Return the answer to a request that took too long to come."""
    message = f"must be complete within {REQUEST_SECONDS:g} seconds"
    body = orjson.dumps(error_body("RequestTimeout", message, "body"))
    head = (
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
