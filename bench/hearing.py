"""`python -m bench.hearing`: the same as `bentlight bench hearing`."""

import sys

from live.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "hearing", *sys.argv[1:]]))
