"""The workflow on AWS: stacks are deployment units that only wire, parts are logical units."""
