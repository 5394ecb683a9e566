"""Messages on topics: who has subscribed, and what was published."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local_mode.greengrass.access import topic_matches

_KEPT = 100_000
"""Messages that are remembered; a soak test must not fill the memory."""


@dataclass(frozen=True)
class Message:
    """One published message.

    Attributes:
        topic: Where.
        payload: Its bytes; JSON text for a JSON message.
        is_json: Whether it was published as a JSON object rather than as bytes.
        sender: The component that published it, empty for one that came from elsewhere.
        time: When, in seconds since 1970.
    """

    topic: str
    payload: bytes
    is_json: bool = False
    sender: str = ""
    time: float = field(default_factory=time.time)

    @property
    def document(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The payload, read as JSON."""
        return json.loads(self.payload)

    def as_event(self) -> dict[str, Any]:
        """Return the message as a subscriber of a local topic receives it."""
        context = {"topic": self.topic}
        if self.is_json:
            return {"jsonMessage": {"message": self.document, "context": context}}
        text = base64.b64encode(self.payload).decode()
        return {"binaryMessage": {"message": text, "context": context}}

    def as_mqtt(self) -> dict[str, Any]:
        """Return the message as a subscriber of AWS IoT Core receives it."""
        text = base64.b64encode(self.payload).decode()
        return {"message": {"topicName": self.topic, "payload": text}}


def to_message(topic: str, content: object, *, sender: str = "") -> Message:
    """Return bytes as a binary message and anything else as a JSON one."""
    if isinstance(content, bytes):
        return Message(topic, content, sender=sender)
    return Message(topic, json.dumps(content).encode(), is_json=True, sender=sender)


class Topics:
    """One broker: the local one of a device, or AWS IoT Core as a device sees it."""

    def __init__(self, noticed: Callable[[], None]) -> None:
        self._noticed = noticed
        self._messages: list[Message] = []
        self._subscribers: list[tuple[str, Callable[[Message], None]]] = []
        self._lock = threading.Lock()

    def publish(self, message: Message) -> int:
        """Hand a message to every subscriber; return their number."""
        with self._lock:
            self._messages.append(message)
            del self._messages[:-_KEPT]
            takers = [
                take for wanted, take in self._subscribers if topic_matches(wanted, message.topic)
            ]
        for take in takers:
            take(message)
        self._noticed()
        return len(takers)

    def subscribe(self, topic_filter: str, take: Callable[[Message], None]) -> Callable[[], None]:
        """Have messages under a filter handed over; return what ends it."""
        entry = (topic_filter, take)
        with self._lock:
            self._subscribers.append(entry)
        self._noticed()

        def end() -> None:
            with self._lock:
                if entry in self._subscribers:
                    self._subscribers.remove(entry)

        return end

    def filters(self) -> list[str]:
        """Return the filters of all subscriptions."""
        with self._lock:
            return [wanted for wanted, _ in self._subscribers]

    def messages(self, topic_filter: str = "#") -> list[Message]:
        """Return what was published under a filter, oldest first."""
        with self._lock:
            return [item for item in self._messages if topic_matches(topic_filter, item.topic)]
