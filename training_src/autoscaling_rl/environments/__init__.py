"""Environments of the bundle; importing this package registers them with Gymnasium."""

import gymnasium

VERSION = 0
AUTOSCALING = f"AutoScaling-v{VERSION}"

if AUTOSCALING not in gymnasium.registry:
    gymnasium.register(
        id=AUTOSCALING,
        entry_point="autoscaling_rl.environments.autoscaling:AutoScalingEnv",
        vector_entry_point="autoscaling_rl.environments.vector:AutoScalingVectorEnv",
    )

FMU = "FMU-v0"

if FMU not in gymnasium.registry:
    gymnasium.register(id=FMU, entry_point="autoscaling_rl.environments.fmu:FmuEnv")
