"""Which part of a recorded load trains a policy, and which part judges it."""

from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import Load

DAY = 1440
LONGEST_EVALUATION = 14 * DAY


def evaluation_start(load: Load) -> int:
    """Return where the last third (at most 14 days) begins, which training must not see."""
    minutes = len(load.minute_rates)
    return minutes - min(minutes // 3, LONGEST_EVALUATION)


def training_end(load: Load) -> int:
    """Return the minute after the last one that training may see.

    Rates are interpolated between the middles of intervals: the last half interval before the
    evaluation already leans towards what comes.
    """
    return evaluation_start(load) - (load.interval_minutes + 1) // 2


def minute_of_week(load: Load) -> int:
    """Return the minutes since Monday 0:00 UTC at the start of the load."""
    start = load.start
    return start.weekday() * DAY + start.hour * 60 + start.minute


def check_splittable(load: Load, where: str) -> None:
    """Refuse a load that there is nothing to learn from, or nothing to judge a policy by.

    Raises:
        UserError: there is no request in the part for training, or none in the part after it.
    """
    if not load.minute_rates[: training_end(load)].any():
        raise UserError(f"{where}: has no request before its last third: nothing to learn from")
    # Its first half interval still leans on what came before.
    if not load.minute_rates[evaluation_start(load) + (load.interval_minutes + 1) // 2 :].any():
        raise UserError(f"{where}: has no request in its last third: nothing to judge a policy by")
