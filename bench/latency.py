"""`python -m bench.latency`: the same as `bentlight bench latency`."""

import sys

from live.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "latency", *sys.argv[1:]]))
