"""Settings of the property tests."""

from hypothesis import settings

# No deadlines: the first call of a compiled function takes seconds. `make verify` takes `long`.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("default")
