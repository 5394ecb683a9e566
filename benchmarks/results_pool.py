"""Work for several processes, which end with whoever asked for it."""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def as_found(
    work: Callable[[Item], Found], items: Iterable[Item], jobs: int
) -> Iterator[tuple[Item, Found]]:
    """Yield each item with what is found for it, as it is found.

    Args:
        work: can be pickled.
        items: what to work on.
        jobs: processes.
    """
    ends = (signal.SIGTERM, signal.SIG_DFL)
    with ProcessPoolExecutor(jobs, initializer=signal.signal, initargs=ends) as pool:
        tasks = {pool.submit(work, item): item for item in items}
        try:
            for task in as_completed(tasks):
                yield tasks[task], task.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise
