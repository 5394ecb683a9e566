"""The autoscalers that a policy is compared with, tuned on past load, and the clairvoyant oracle."""
