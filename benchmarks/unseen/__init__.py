"""Sixty families of load that were written without sight of the policy and of its training.

A second writer made them from what they knew of systems and of stochastic processes. 20 of them
were then looked at while changes were tried (`DEVELOPMENT`), the others (`HELD`) only judged.
"""

from benchmarks.unseen import broken, clock, clockless, mild
from benchmarks.unseen.parts import FAMILIES

__all__ = ["DEVELOPMENT", "FAMILIES", "HELD", "KIND_OF", "broken", "clock", "clockless", "mild"]

KIND_OF = {name: kind for kind, families in FAMILIES.items() for name in families}
DEVELOPMENT = (
    *("web_daily_weekly", "seasonal_ar", "viral_growth", "dropped_minutes_held"),
    *("market_open", "cron_fleet", "news_broadcast", "iot_synchronised", "nightly_build"),
    *("holiday", "schedule_moved", "unreliable_clock", "clocked_with_outage"),
    *("regime_switching", "self_exciting", "heavy_onoff", "few_requests", "flash_crowds"),
    *("fractional", "step_levels"),
)
HELD = tuple(name for name in KIND_OF if name not in DEVELOPMENT)
