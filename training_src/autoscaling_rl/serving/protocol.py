"""HTTP over TCP for clients that send too much at once, too slowly, or never read."""

import asyncio
from http import HTTPStatus as Status

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from autoscaling_rl.controller.inference import error_body
from autoscaling_rl.serving.lingering import Lingering

# From a connection's beginning, or the first byte of a request, to the last byte of its body; and
# for a client to take what it is sent.
REQUEST_SECONDS = 60.0
LARGEST_HEADERS = 64 << 10
MOST_PIPELINED = 64  # requests of one connection that wait for their turn


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds, and with answers for clients that hear or say no more.

    uvicorn gives a connection up when the client closes its side of it, even if the request was
    complete, and closes it under a client that still sends; it waits for headers, bodies and
    readers as long as it takes, and keeps headers and pipelined requests without end.
    """

    _answers: Lingering
    _ended = False  # whether the client has closed its side

    _deadline: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _unfinished = True  # whether a request, or the connection's first, is still to come
    _in_headers = False
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection: its first request must come soon."""
        super().connection_made(transport)
        self._answers = Lingering(transport, self.loop, self._more_to_come)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what was sent: what is begun must be complete soon, and not too large."""
        if self._answers.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self._unfinished = True
        super().data_received(data)
        self._header_bytes = self._header_bytes + len(data) if self._in_headers else 0
        if self._header_bytes > LARGEST_HEADERS:
            self._refuse(Status.REQUEST_HEADER_FIELDS_TOO_LARGE, "must be at most 64 KB", "headers")
        elif len(self.pipeline) > MOST_PIPELINED:
            self.transport.abort()
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for an answer that is due, and close it after that."""
        self._ended = True
        if due := self._answer_due():
            self.cycle.keep_alive = False
        return due

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._unfinished = self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after a body, as a trailer, is none."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin a body."""
        self._in_headers = False
        super().on_headers_complete()
        self.cycle.transport = self._answers

    def on_message_complete(self) -> None:
        """Finish a request."""
        self._unfinished = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; while more of them wait, nothing further is read."""
        if self._answers.is_closing():  # nothing more is answered
            self.pipeline.clear()
            self.flow.resume_reading()
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Status.BAD_REQUEST, msg, None)

    def pause_writing(self) -> None:
        """Stop sending to a client that does not read, which must do so soon."""
        super().pause_writing()
        self._reader = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._unfinished = False
        self._watch()
        self._answers.lost()
        self._unset_keepalive_if_required()  # uvicorn leaves it where the client has reset
        if self._reader is not None:
            self._reader.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._unfinished and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)
        elif self._deadline is not None and not self._unfinished:
            self._deadline.cancel()
            self._deadline = None

    def _more_to_come(self) -> bool:
        # A body after `Upgrade` is no part of its request to the parser.
        return not self._ended and (self._unfinished or self.parser.should_upgrade())

    def _answer_due(self) -> bool:
        """Return whether a request has come that is not answered yet."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _give_up(self) -> None:
        self._deadline = None
        if self._answer_due():  # to the request before: later
            self._watch()
        elif self.cycle is not None and not self.cycle.response_started:
            message = f"must be complete within {REQUEST_SECONDS:g} seconds"
            self._refuse(Status.REQUEST_TIMEOUT, message, "body")
        else:
            self.transport.close()

    def _refuse(self, status: Status, message: str, field: str | None) -> None:
        """Answer a request that never came to the application, and close the connection."""
        if self._answers.is_closing():
            return
        code = "InvalidRequest" if status == Status.BAD_REQUEST else status.phrase.replace(" ", "")
        body = orjson.dumps(error_body(code, message, field))
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.flow.resume_reading()  # to discard what still comes
        self._answers.write(head.encode() + body)
        self._answers.close()
