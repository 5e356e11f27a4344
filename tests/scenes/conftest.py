"""The built-in model, loaded once, and what is heard of the demo track."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def builtin():
    """The shipped model; the library is made for it."""
    from engine.generator import Generator

    return Generator.load("builtin", runtime="eager")


@pytest.fixture(scope="session")
def demo_frames():
    """Every frame of the demo track, heard as live."""
    from analysis.track import analyze
    from live.capture.demo import demo_path

    return analyze(demo_path(), gain_db="auto").frames
