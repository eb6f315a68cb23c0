"""The two errors that a user may see, each a single sentence."""


class RestoreError(Exception):
    """A job can't be done; the message is one sentence with what was given and what to try."""

    exit_code = 1


class UsageError(RestoreError):
    """A request makes no sense as given: wrong option, unknown name, photos that do not fit."""

    exit_code = 2
