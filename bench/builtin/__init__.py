"""How well the built-in model draws what the painter taught it: ``python -m bench.builtin --help``."""
