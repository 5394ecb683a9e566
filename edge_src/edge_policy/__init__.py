"""The policy on a device under AWS IoT Greengrass v2: it answers states with decisions.

The package stands alone in the component's archive: Python's standard library, NumPy, and
awsiotsdk where it talks to the nucleus. What decides is the code in the model artifact.
"""

VERSION = 1  # of the files in the work folder and of the messages
