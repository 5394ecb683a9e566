"""Environments of the bundle; importing this package registers `AutoScaling-v0` with Gymnasium."""

import gymnasium

VERSION = 0
AUTOSCALING = f"AutoScaling-v{VERSION}"

if AUTOSCALING not in gymnasium.registry:
    gymnasium.register(
        id=AUTOSCALING,
        entry_point="autoscaling_rl.environments.autoscaling:AutoScalingEnv",
        vector_entry_point="autoscaling_rl.environments.vector:AutoScalingVectorEnv",
    )
