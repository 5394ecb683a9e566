"""Families of load that nobody looked at before the policy was as it is, ten of each kind."""

from benchmarks.unseen.held import broken, clock, clockless, mild

__all__ = ["broken", "clock", "clockless", "mild"]
