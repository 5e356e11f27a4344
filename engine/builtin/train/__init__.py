"""Training of the built-in model: ``python -m engine.builtin.train --help``."""
