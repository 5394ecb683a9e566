"""The observation's window statistics, kept up to date minute by minute in constant time.

`controller.observation.window_statistics` defines the figures; these kernels carry the same figures
along for thousands of fleets, one per column. Sums gain one value and lose one. The sliding maxima
(peak and steepest rise of the last hour) follow van Herk (1992) and Gil and Werman (1993): the
window is the end of one block of 60 minutes, whose suffix maxima are known, and the start of the
next, whose prefix maximum runs along.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.observation import (
    CHANGES,
    DAY,
    DAY_AHEAD,
    DAY_HOUR,
    FIVE,
    HOUR,
    PEAK,
    QUARTER,
    RECENT,
    RISE,
    WEEK,
    WEEK_AHEAD,
    WEEK_HOUR,
)
from autoscaling_rl.kernel import jit_fast

FloatArray = NDArray[np.float32]

# Suffix maxima of demand and of rises for each minute of a block, then the two prefix maxima.
BLOCKS = 2 * RECENT + 2
_TOP, _RISE = 2 * RECENT, 2 * RECENT + 1


@jit_fast
def start_blocks(
    blocks: FloatArray, values: FloatArray, columns: NDArray[np.int64], now: int, warmup: int
) -> None:
    """Rebuild the sliding maxima of `columns` for minute `now`, blocks being aligned to minute 0.

    Args:
        blocks: shape (BLOCKS, n).
        values: demand per minute, shape (rows, n), a ring.
        columns: which fleets.
        now: the minute to decide for; the window is the hour before it.
        warmup: nominal warm-up in minutes.
    """
    rows, span = len(values), warmup + 1
    begun = now % RECENT  # minutes of the running block that are already known
    for column in columns:
        top, rise = np.float32(0.0), np.float32(0.0)
        for back in range(1, begun + 1):
            value = values[(now - back) % rows, column]
            top = max(top, value)
            rise = max(rise, value - values[(now - back - span) % rows, column])
        blocks[_TOP, column] = top
        blocks[_RISE, column] = rise
        top, rise = np.float32(0.0), np.float32(0.0)
        for back in range(begun + 1, begun + RECENT + 1):
            value = values[(now - back) % rows, column]
            top = max(top, value)
            rise = max(rise, value - values[(now - back - span) % rows, column])
            place = begun + RECENT - back
            blocks[place, column] = top
            blocks[RECENT + place, column] = rise


@jit_fast
def add_difference(out: NDArray[np.float64], left: FloatArray, right: FloatArray) -> None:
    """Add `left` - `right` to `out`."""
    for column in range(len(out)):
        out[column] += left[column] - right[column]


@jit_fast
def larger(out: NDArray[np.float64], left: FloatArray, right: FloatArray) -> None:
    """Write the larger of `left` and `right` to `out`."""
    for column in range(len(out)):
        out[column] = max(left[column], right[column])


@jit_fast
def _end_block(blocks: FloatArray, values: FloatArray, now: int, span: int, column: int) -> None:
    """Turn the block that ends before `now` into suffix maxima."""
    rows = len(values)
    top, rise = np.float32(0.0), np.float32(0.0)
    for back in range(1, RECENT + 1):
        value = values[(now - back) % rows, column]
        top = max(top, value)
        rise = max(rise, value - values[(now - back - span) % rows, column])
        blocks[RECENT - back, column] = top
        blocks[2 * RECENT - back, column] = rise
    blocks[_TOP, column] = 0.0
    blocks[_RISE, column] = 0.0


@jit_fast
def advance(
    figures: NDArray[np.float64], blocks: FloatArray, values: FloatArray, now: int, warmup: int
) -> None:
    """Turn the figures for minute `now` into those for `now + 1`.

    Args:
        figures: the window statistics, shape (STATISTICS, n).
        blocks: the sliding maxima, shape (BLOCKS, n).
        values: demand per minute, shape (rows, n), a ring.
        now: the minute whose demand becomes known.
        warmup: nominal warm-up in minutes.
    """
    rows, span = len(values), warmup + 1
    begun = (now + 1) % RECENT
    here, five, quarter = now % rows, (now - 5) % rows, (now - 15) % rows
    before, hour, after_hour = (now - 1) % rows, (now - 60) % rows, (now - 59) % rows
    day, day_hour, day_ahead = (
        (now - DAY) % rows,
        (now - DAY - 60) % rows,
        (now - DAY + span) % rows,
    )
    week, week_hour = (now - WEEK) % rows, (now - WEEK - 60) % rows
    week_ahead, launched = (now - WEEK + span) % rows, (now - span) % rows
    add_difference(figures[FIVE], values[here], values[five])
    add_difference(figures[QUARTER], values[here], values[quarter])
    add_difference(figures[HOUR], values[here], values[hour])
    add_difference(figures[DAY_HOUR], values[day], values[day_hour])
    add_difference(figures[DAY_AHEAD], values[day_ahead], values[day])
    add_difference(figures[WEEK_HOUR], values[week], values[week_hour])
    add_difference(figures[WEEK_AHEAD], values[week_ahead], values[week])
    changes, top, rise = figures[CHANGES], blocks[_TOP], blocks[_RISE]
    newest, previous, oldest, after = values[here], values[before], values[hour], values[after_hour]
    launched_then, sums = values[launched], len(changes)
    for column in range(sums):
        changes[column] += abs(newest[column] - previous[column])
        changes[column] -= abs(oldest[column] - after[column])
    for column in range(sums):
        top[column] = max(top[column], newest[column])
        rise[column] = max(rise[column], newest[column] - launched_then[column])
    if begun == 0:
        for column in range(sums):
            _end_block(blocks, values, now + 1, span, column)
    larger(figures[PEAK], blocks[begun], top)
    larger(figures[RISE], blocks[RECENT + begun], rise)
