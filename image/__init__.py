"""The commands `train` and `serve` of the training image, as SageMaker calls them.

They find the bundle, give it what every SageMaker container gives a program, and run it. They know
nothing of reinforcement learning, so a change of the bundle needs no new image.
"""
