"""The end of a connection whose client may still be sending."""

import asyncio
from collections.abc import Callable

# What a client that still sends has to come to an end in, and to read its answer.
LINGER_SECONDS = 5.0


class Lingering(asyncio.Transport):
    """What answers are written to: it is not closed under a client that still sends.

    TCP resets a connection that is closed with bytes unread, or that is sent some after it, and the
    client then loses the answer, read or not. So the server says that it sends no more, and leaves
    the client time to come to an end (RFC 9112, section 9.6).

    Args:
        transport: of the connection.
        loop: of the connection.
        more_to_come: whether the client may still be sending.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        more_to_come: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._transport, self._loop, self._more_to_come = transport, loop, more_to_come
        self._end: asyncio.TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless an end was said already."""
        if self._end is None:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether nothing is sent any more; what still comes is to be discarded."""
        return self._end is not None or self._transport.is_closing()

    def close(self) -> None:
        """Send no more, and close the connection now or when the client had its time."""
        if self.is_closing():
            return
        if self._more_to_come():
            self._transport.write_eof()
            self._end = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def lost(self) -> None:
        """Wait no longer: the connection has ended."""
        if self._end is not None:
            self._end.cancel()
