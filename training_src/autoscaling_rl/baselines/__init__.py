"""Autoscalers to compare a policy with, tuned on past load, and the clairvoyant oracle."""
