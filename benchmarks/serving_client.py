"""Clients of `benchmarks/serving.py`: one that asks as fast as it is answered, one that is on time.

The second takes little from what it measures: plain sockets, polled without sleeping.
"""

import asyncio
import gc
import select
import socket
import time
from collections import deque

CONNECTIONS = 32


class Client:
    """A kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        """Open the connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, content: bytes) -> None:
        """Send a request and read its answer, which must be 200."""
        self.writer.write(content)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await self.reader.readexactly(length)


async def flood(port: int, content: bytes, count: int, connections: int = CONNECTIONS) -> float:
    """Send requests as fast as they are answered, and return the seconds it took."""
    clients = [await Client.connect(port) for _ in range(connections)]

    async def work(client: Client) -> None:
        for _ in range(count // connections):
            await client.ask(content)

    begun = time.perf_counter()
    await asyncio.gather(*map(work, clients))
    took = time.perf_counter() - begun
    for client in clients:
        client.writer.close()
    return took


class Connection:
    """A kept connection with at most one request on its way.

    Attributes:
        due: when the request should have been sent.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._got = b""

    def send(self, content: bytes, due: float) -> None:
        """Send a request, small enough for the socket to take it at once."""
        self.due, self._got = due, b""
        assert self.socket.send(content) == len(content)

    def complete(self) -> bool:
        """Read what has come, and return whether it is a whole answer, which must be 200."""
        self._got += self.socket.recv(1 << 16)
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return False
        assert head.startswith(b"HTTP/1.1 200"), head
        return len(body) == int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


def paced(port: int, content: bytes, rate: float, seconds: float) -> list[float]:
    """Send requests at fixed times, whether or not earlier ones were answered.

    Args:
        port: of the server, on loopback.
        content: a whole request.
        rate: requests per second.
        seconds: for which they are sent.

    Returns:
        Seconds from when each request was due to its answer: also what it waited for a free
        connection, or for this client, counts.
    """
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    by_number = {each.socket.fileno(): each for each in connections}
    free, poll = deque(connections), select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    gc.disable()
    try:
        return _sent(free, by_number, poll, content, rate, int(rate * seconds))
    finally:
        gc.enable()
        poll.close()
        for each in connections:
            each.socket.close()


def _sent(
    free: deque[Connection],
    by_number: dict[int, Connection],
    poll: select.epoll,
    content: bytes,
    rate: float,
    count: int,
) -> list[float]:
    latencies: list[float] = []
    begun, sent = time.perf_counter(), 0
    while len(latencies) < count:
        due = begun + sent / rate
        if sent < count and free and time.perf_counter() >= due:
            free.popleft().send(content, due)
            sent += 1
        for number, _ in poll.poll(0):
            connection = by_number[number]
            if connection.complete():
                latencies.append(time.perf_counter() - connection.due)
                free.append(connection)
    return latencies
