"""Rules that know the clock: what the last seven days needed at the same time.

Where load jumps at fixed times (an exchange opens, lessons begin, jobs are scheduled), people write
schedules by hand, such as scheduled actions of AWS Application Auto Scaling. These rules read them
from the load, as the seasonal naive forecast does (Hyndman and Athanasopoulos, Forecasting:
Principles and Practice, 2021, section 5.2), but from an order statistic of seven days: what came
once does not count, and neither does a day on which it failed to come.
"""

from typing import NamedTuple

import numpy as np

from .features import NAMES
from .peaks import HOUR, PastDays
from .series import DAY, LOOKBACK, FloatArray


class SeasonRule(NamedTuple):
    """Be ready for what the last days needed at this time, and for the load of the last minutes.

    Attributes:
        rank: of the seven days, which counts; 1 is the highest.
        moved: whether a day is scaled by how the last hour compares with the same hour of that day.
        minutes: whose highest load is covered anyhow.
    """

    rank: int
    moved: bool
    minutes: int


DAYS = tuple(range(1, 8))  # ago
SEASON_RULES = (SeasonRule(2, True, 2), SeasonRule(3, False, 10))
SEASON_HEADROOMS = (0.0, 0.1, 0.25)
_FIRST_KNOWN = LOOKBACK + HOUR + np.array(DAYS)[:, None] * DAY
_PEAKS = [NAMES.index(f"peak_{rule.minutes}") for rule in SEASON_RULES]
_HEADROOM_LOGS = np.log1p(np.array(SEASON_HEADROOMS))[:, None]


def season_bands(begin: int, end: int, rows: FloatArray, week: PastDays) -> FloatArray:
    """Return the logs that the rules want for the minutes of index `begin` to `end` - 1.

    A day that is not known, or whose hour before is not, counts as one that needed nothing.

    Args:
        begin: index of the first minute to decide for.
        end: index after the last one.
        rows: features of these minutes, shape (SIZE, minutes).
        week: what `DAYS` needed, likewise.

    Returns:
        Shape (minutes, rules * headrooms), log(1 + machines).
    """
    known = np.arange(begin, end) >= _FIRST_KNOWN
    moved = week.peaks + week.shifts
    ordered = np.sort(np.where(known, (week.peaks, moved), 0.0), axis=1)
    needs = np.array([ordered[int(rule.moved), -rule.rank] for rule in SEASON_RULES])
    recent = rows[0] + rows[_PEAKS]
    wanted = np.maximum(needs[:, None] + _HEADROOM_LOGS, recent[:, None])
    by_minute: FloatArray = wanted.reshape(-1, end - begin).T
    return by_minute
