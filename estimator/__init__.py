"""Training jobs and endpoints from Python: `RLEstimator`, as the SDK's version 2 had it."""
