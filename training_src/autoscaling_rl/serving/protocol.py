"""HTTP over TCP for clients that say they have sent everything, and for those that never do."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# SageMaker's platform sends headers at once; whoever trickles them holds a connection for nothing.
REQUEST_SECONDS = 60.0


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol that answers half-closed connections and ends unfinished requests.

    uvicorn gives a connection up when the client closes its side of it, even if the request was
    complete, and waits for headers as long as it takes.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection: its first request must come soon."""
        super().connection_made(transport)
        self._expect_request()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for an answer that is due, and close it after that."""
        cycle = self.cycle
        due = cycle is not None and not cycle.response_complete and not cycle.more_body
        if due:
            cycle.keep_alive = False
        return due

    def on_message_begin(self) -> None:
        """Begin a request, whose headers must come soon."""
        super().on_message_begin()
        self._expect_request()

    def on_headers_complete(self) -> None:
        """Hand the request on: its body has a limit of its own."""
        self._forget()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._forget()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._forget()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()
