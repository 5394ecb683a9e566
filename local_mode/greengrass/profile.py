"""What two nuclei differ in, as far as a component over IPC can notice."""

from dataclasses import dataclass

_NOT_ON_LITE = frozenset(
    {
        "DeferComponentUpdate",
        "GetThingShadow",
        "ListComponents",
        "SubscribeToComponentUpdates",
    }
)


@dataclass(frozen=True)
class Profile:
    """One nucleus.

    Attributes:
        name: `lite` or `full`.
        nucleus: Name of the nucleus's own component.
        missing: Operations that it answers with a ServiceError.
        says_why: Whether the SDK finds a message in its errors.
        spools: Whether QoS 1 messages to AWS IoT Core wait in it while the device is offline, and
            the answers to subscriptions until it is not (as the Java nucleus does until its first
            connection).
        whole_numbers: Whether whole numbers in JSON messages stay so; Gson makes them floats.
        max_message_bytes: The longest message it reads or writes; a longer one ends the connection.
        max_values: The most values in the JSON of one message, each key and item counted.
    """

    name: str
    nucleus: str
    missing: frozenset[str] = frozenset()
    says_why: bool = True
    spools: bool = True
    whole_numbers: bool = True
    max_message_bytes: int = 24 * 1024 * 1024
    max_values: int = 1 << 31


PROFILES = {
    # Both limits are nucleus lite's defaults at build time (its public source, read, not run).
    "lite": Profile(
        name="lite",
        nucleus="aws.greengrass.NucleusLite",
        missing=_NOT_ON_LITE,
        says_why=False,
        spools=False,
        max_message_bytes=10_000,
        max_values=255,
    ),
    "full": Profile(name="full", nucleus="aws.greengrass.Nucleus", whole_numbers=False),
}


def with_floats(value: object) -> object:
    """Return a JSON document whose whole numbers are floats, as Gson reads one of no known type."""
    if isinstance(value, dict):
        return {key: with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def count_values(value: object) -> int:
    """Return how many values a JSON document holds, as nucleus lite counts them."""
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(count_values, value.values()))
    if isinstance(value, list):
        return len(value) + sum(map(count_values, value))
    return 0
