"""Families of load that were held out until their windows had been looked at, ten of each kind."""

from benchmarks.unseen.later import broken, clock, clockless, mild

__all__ = ["broken", "clock", "clockless", "mild"]
