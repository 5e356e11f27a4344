"""The small leaf every room may know: parameters, errors, clock, version. Standard library only."""

__version__ = "0.1.0"
