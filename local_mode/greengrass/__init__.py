"""AWS IoT Greengrass v2 on one machine: the control plane, the IPC of a nucleus, a device.

All of it is an emulator, made from the published protocol and from what the nuclei were seen to do;
nothing here is AWS's code, and a test against it is no test against a nucleus.
"""
