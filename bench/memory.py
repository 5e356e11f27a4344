"""`python -m bench.memory`: the same as `bentlight bench memory`."""

import sys

from live.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "memory", *sys.argv[1:]]))
