"""The sound of a recording, channel by channel."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

__all__ = ["decode_sound"]


def decode_sound(path: Path) -> np.ndarray:
    """Return the samples of a ``.mkv`` as float32, shape (samples, channels)."""
    with av.open(str(path)) as container:
        channels = container.streams.audio[0].codec_context.layout.nb_channels
        blocks = [frame.to_ndarray().reshape(-1, channels) for frame in container.decode(audio=0)]
    samples = np.concatenate(blocks)
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
