"""What two nuclei differ in, as far as a component over IPC can notice."""

from dataclasses import dataclass

_NOT_ON_LITE = frozenset(
    {
        "DeferComponentUpdate",
        "GetThingShadow",
        "ListComponents",
        "PutComponentMetric",
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
        spools: Whether QoS 1 messages to AWS IoT Core wait in it while the device is offline.
        max_message_bytes: The longest message it reads or writes; a longer one ends the connection.
        max_values: The most values in the JSON of one message, each key and item counted.
    """

    name: str
    nucleus: str
    missing: frozenset[str] = frozenset()
    says_why: bool = True
    spools: bool = True
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
    "full": Profile(name="full", nucleus="aws.greengrass.Nucleus"),
}


def count_values(value: object) -> int:
    """Return how many values a JSON document holds, as nucleus lite counts them."""
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(count_values, value.values()))
    if isinstance(value, list):
        return len(value) + sum(map(count_values, value))
    return 0
