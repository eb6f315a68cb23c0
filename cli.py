"""The door for a checkout: `python cli.py fix photo.jpg --mask mask.png`."""

import sys

from restore.commands import main

if __name__ == "__main__":
    sys.exit(main())
