"""`python -m live`: the same as the `bentlight` program."""

import sys

from live.cli import main

if __name__ == "__main__":
    sys.exit(main())
