"""The door for `python -m restore`."""

import sys

from restore.commands import main

if __name__ == "__main__":
    sys.exit(main())
