"""What learns: environment, load, baselines, toolkits and the controller of the artifact.

Importing the package costs nothing; `import autoscaling_rl.environments` registers
`AutoScaling-v0`.
"""
