"""Closing a stream without waiting for a sound server that hangs."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["close_stream"]

_PATIENCE_S = 1.0


def close_stream(stream: Any) -> threading.Thread:
    """Abort and close a PortAudio stream; after a second leave that to a thread of its own.

    ``abort`` and ``close`` block for as long as the sound server hangs. Returns that thread, which is alive until then.
    """
    closer = threading.Thread(target=_close, args=(stream,), name="stream closer", daemon=True)
    closer.start()
    closer.join(_PATIENCE_S)
    return closer


def _close(stream: Any) -> None:
    try:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
    except Exception:
        # A stream whose server died can refuse even that; the process does not need it any more.
        return
