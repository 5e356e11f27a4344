"""`python -m bench.pictures`: the same as `bentlight bench pictures`."""

import sys

from live.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "pictures", *sys.argv[1:]]))
