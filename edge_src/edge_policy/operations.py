"""Operations that not every nucleus has: tried once, and left alone where they are not there.

Nucleus lite answers the deferral of updates with ServiceError and no message: the kind of error
alone tells. What has worked once may fail at times.
"""

from collections.abc import Callable

from .ipc import Denied, IpcError, Unavailable


class Operation:
    """One such operation.

    Attributes:
        name: of the operation.
        works: whether it is there; None before the first try.
    """

    def __init__(self, name: str, report: Callable[..., None]) -> None:
        self.name, self._report = name, report
        self.works: bool | None = None

    def attempt(self, call: Callable[[], None]) -> bool:
        """Do it, unless it is known not to be there; return whether it was done."""
        if self.works is False:
            return False
        try:
            call()
        except (Unavailable, Denied) as error:
            if self.works is None:
                self.works = False
                self._report("operation", name=self.name, works=False, reason=type(error).__name__)
            return False
        except IpcError:
            return False  # the connection failed: nothing is known of the operation
        self.works = True
        return True
