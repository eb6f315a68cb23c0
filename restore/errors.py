"""The two errors that a user may see, and the single sentence that tells of any error."""

NO_MEMORY = "There is not enough memory for this; close other programs or take a smaller photo."


class RestoreError(Exception):
    """A job can't be done; the message is one sentence with what was given and what to try."""

    exit_code = 1


class UsageError(RestoreError):
    """A request makes no sense as given: wrong option, unknown name, photos that do not fit."""

    exit_code = 2


DEBUG = "RESTORE_DEBUG"  # the variable that brings the traceback of an error


def sentence_of(error: Exception) -> str:
    """Return the one sentence, on one line, that tells a user what went wrong."""
    match error:
        case RestoreError():
            text = str(error)
        case OSError() if error.strerror:
            what = error.filename or "A file, or standard output,"
            text = f"{what} can't be used: {error.strerror}."
        case MemoryError():
            text = NO_MEMORY
        case _:
            text = (
                f"Something unexpected happened ({type(error).__name__}: {error}); "
                f"set {DEBUG}=1 and run it again to see where."
            )
    return " ".join(text.split())
