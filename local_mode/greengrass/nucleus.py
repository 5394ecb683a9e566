"""What a nucleus knows: components with their tokens and configurations, topics, the connection."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_mode.greengrass.configuration import Configuration
from local_mode.greengrass.profile import PROFILES, Profile, with_floats
from local_mode.greengrass.topics import Message, Topics, to_message


@dataclass
class Component:
    """One installed component.

    Attributes:
        name: Its name.
        configuration: Its configuration, `accessControl` in it.
        token: What a client proves its identity with (SVCUID).
        version: Its version.
        states: What it has reported by UpdateState, oldest first.
        deferrals: Its DeferComponentUpdate requests.
    """

    name: str
    configuration: Configuration
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    version: str = "1.0.0"
    states: list[str] = field(default_factory=list)
    deferrals: list[dict[str, Any]] = field(default_factory=list)


class Nucleus:
    """The state behind the IPC of one device.

    Args:
        profile: `lite` or `full`.
        thing_name: Name of the device.
    """

    def __init__(self, profile: str, thing_name: str) -> None:
        self.profile: Profile = PROFILES[profile]
        self.thing_name = thing_name
        self.components: dict[str, Component] = {}
        self.update_listeners: list[Callable[[dict[str, Any]], None]] = []
        self.changed = threading.Condition()
        self.local = Topics(self.notice)
        self.iot_core = Topics(self.notice)
        self._connected = True
        self._spooled: list[Message] = []
        self._awaiting: list[Callable[[], None]] = []

    def add(
        self, name: str, configuration: Mapping[str, Any] | None = None, *, version: str = "1.0.0"
    ) -> Component:
        """Install a component, or replace it by a new one of that name."""
        component = Component(name, Configuration(configuration), version=version)
        self.components[name] = component
        return component

    def by_token(self, token: object) -> Component | None:
        """Return the component that a token belongs to."""
        return next((item for item in self.components.values() if item.token == token), None)

    def variables(self, component: Component) -> dict[str, str]:
        """Return the recipe variables that access control may use."""
        return {
            "iot:thingName": self.thing_name,
            "component_dependency_name": component.name,
        }

    @property
    def connected(self) -> bool:
        """Whether the device reaches AWS IoT Core."""
        return self._connected

    @connected.setter
    def connected(self, value: bool) -> None:
        self._connected = value
        waiting, self._spooled = (self._spooled, []) if value else ([], self._spooled)
        awaiting, self._awaiting = (self._awaiting, []) if value else ([], self._awaiting)
        for action in awaiting:
            action()
        for message in waiting:
            self.iot_core.publish(message)
        self.notice()

    def once_connected(self, action: Callable[[], None]) -> None:
        """Do something when the device reaches AWS IoT Core the next time."""
        self._awaiting.append(action)

    def publish(self, topic: str, content: object, *, sender: str = "") -> int:
        """Publish to a local topic, bytes or JSON; return how many subscriptions got it."""
        if not isinstance(content, bytes) and not self.profile.whole_numbers:
            content = with_floats(content)
        return self.local.publish(to_message(topic, content, sender=sender))

    def publish_to_iot_core(self, message: Message, *, at_least_once: bool) -> bool:
        """Send a message to AWS IoT Core; False if that cannot be done."""
        if self._connected:
            self.iot_core.publish(message)
            return True
        if self.profile.spools and at_least_once:
            self._spooled.append(message)
            return True
        return False

    def notice(self) -> None:
        """Wake whoever waits for something to happen."""
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object], seconds: float = 10.0) -> bool:
        """Wait until a condition holds; False if it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Not everything that a condition can look at notifies.
                self.changed.wait(min(left, 0.05))
        return True
