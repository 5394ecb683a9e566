"""A component's configuration: read and merged by key path, watched for changes."""

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Watcher = Callable[[tuple[str, ...]], None]


class Configuration:
    """One component's configuration.

    Args:
        values: What the recipe's DefaultConfiguration and the deployments say.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = copy.deepcopy(dict(values or {}))
        self._times: dict[tuple[str, ...], float] = {}
        self._watchers: list[tuple[tuple[str, ...], Watcher]] = []
        self._lock = threading.RLock()

    def read(self, path: Sequence[str] = ()) -> Any:  # noqa: ANN401 (any JSON value)
        """Return the value at a key path.

        Raises:
            KeyError: If there is none.
        """
        with self._lock:
            value: Any = self._values
            for key in path:
                if not isinstance(value, dict):
                    raise KeyError(key)
                value = value[key]
            return copy.deepcopy(value)

    def merge(self, value: object, path: Sequence[str] = (), *, time: float | None = None) -> None:
        """Merge a value: objects key by key, anything else replaces what was there.

        Args:
            value: Any JSON value; an object at the root.
            path: Where.
            time: When it was set, in seconds since 1970; an older value than the present one is
                left out, as a nucleus does.

        Raises:
            ValueError: If it would replace the whole configuration by something else.
        """
        if not path and not isinstance(value, dict):
            raise ValueError("the configuration itself is an object")
        changed: list[tuple[str, ...]] = []
        with self._lock:
            parent = self._values
            for key in path[:-1]:
                if not isinstance(parent.get(key), dict):
                    parent[key] = {}
                parent = parent[key]
            if path:
                self._put(parent, tuple(path[:-1]), path[-1], value, time, changed)
            elif isinstance(value, dict):
                for key, item in value.items():
                    self._put(parent, (), key, item, time, changed)
            told = [
                (watcher, where)
                for where in changed
                for prefix, watcher in self._watchers
                if where[: len(prefix)] == prefix or prefix[: len(where)] == where
            ]
        for watcher, where in told:
            watcher(where)

    def _put(
        self,
        parent: dict[str, Any],
        prefix: tuple[str, ...],
        key: str,
        value: object,
        time: float | None,
        changed: list[tuple[str, ...]],
    ) -> None:
        where = (*prefix, key)
        if isinstance(value, dict) and isinstance(parent.get(key), dict):
            for name, item in value.items():
                self._put(parent[key], where, name, item, time, changed)
            return
        if time is not None and time < self._times.get(where, time):
            return
        if time is not None:
            self._times[where] = time
        if key not in parent or parent[key] != value:
            parent[key] = copy.deepcopy(value)
            changed.append(where)

    def watch(self, path: Sequence[str], watcher: Watcher) -> Callable[[], None]:
        """Have every change at or below a key path reported; return what ends it."""
        entry = (tuple(path), watcher)
        with self._lock:
            self._watchers.append(entry)

        def end() -> None:
            with self._lock:
                if entry in self._watchers:
                    self._watchers.remove(entry)

        return end
