"""A job's lines on the screen, its progress as a bar where there is somebody to look at it."""

import re
import sys
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

_PROGRESS = re.compile(r"^progress: (\d+) %")
_FORM = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
_REWARD = re.compile(r"^(?:episode_reward_mean: |(?:Training|Testing)>.*Total reward=)([^,\s]+)")


class Screen:
    """Shows the lines of a job.

    Args:
        title: Stands before the bar.
        hosts: With more than one, each line begins with the name of its host.
        output: None: standard output. The bar goes to standard error.
        bar: Whether to draw a bar; None: in a terminal and in a notebook.
    """

    def __init__(
        self, title: str, *, hosts: int = 1, output: TextIO | None = None, bar: bool | None = None
    ) -> None:
        self._title = title
        self._hosts = hosts
        self._output = output or sys.stdout
        self._with_bar = _somebody_looks() if bar is None else bar
        self._bar: tqdm[Any] | NotebookBar | None = None

    def show(self, host: str, line: str) -> None:
        """Show one line, or move the bar by it."""
        progress = _PROGRESS.match(line)
        if self._with_bar and progress:
            self._move(int(progress[1]))
            return
        reward = _REWARD.match(line)
        if reward and self._bar is not None:
            self._bar.set_postfix_str(f"reward {reward[1]}")
        self._print(f"[{host}] {line}" if self._hosts > 1 else line)

    def _move(self, percent: int) -> None:
        if self._bar is None:
            self._bar = _new_bar(self._title)
        # A job that goes on from a checkpoint in another host's log may be behind.
        self._bar.update(max(0, percent - int(self._bar.n)))

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        print(line, file=self._output, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class NotebookBar:
    """A bar in an output of its own, which lines do not move: text in a notebook stays.

    Args:
        title: Stands before the bar.
    """

    def __init__(self, title: str) -> None:
        from IPython.display import display

        self.n = 0
        self._title, self._postfix = title, ""
        self._handle = display(self, display_id=True)

    def update(self, percent: int) -> None:
        """Move by so many per cent."""
        self.n += percent
        self._handle.update(self)

    def set_postfix_str(self, text: str) -> None:
        """Put a text behind the bar, from its next move on."""
        self._postfix = text

    def clear(self) -> None:
        """Lines are outputs of their own."""

    def refresh(self) -> None:
        """Lines are outputs of their own."""

    def close(self) -> None:
        """Leave the bar as it is at last."""
        self._handle.update(self)

    def __repr__(self) -> str:
        done = 30 * self.n // 100
        return f"{self._title}: {self.n:3d} % |{'█' * done:<30}| {self._postfix}".rstrip()


def _somebody_looks() -> bool:
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def _new_bar(title: str) -> "tqdm[Any] | NotebookBar":
    if _in_notebook():
        return NotebookBar(title)
    from tqdm import tqdm

    return tqdm(total=100, desc=title, bar_format=_FORM, dynamic_ncols=True)
