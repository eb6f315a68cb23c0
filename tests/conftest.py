"""What every test runs under."""

from hypothesis import settings

# A busy machine is not a failure, so examples have no time limit; equal code gives equal examples.
settings.register_profile("restore", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("restore")
