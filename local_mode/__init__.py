"""The whole workflow on one machine: a local AWS, its provisioning, and the commands over both."""
