"""What tests of several files play with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.stage import Show


@pytest.fixture
def show(monkeypatch) -> Iterator[Show]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = Show()
    yield made
    made.stage.close()
