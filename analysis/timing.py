"""Hop and window lengths that last the same time at every sample rate."""

from __future__ import annotations

from bentlight.errors import BadInput

__all__ = ["LOWEST_RATE", "HIGHEST_RATE", "check_rate", "detector_hop", "hop_size", "power_of_two"]

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000


def check_rate(sample_rate: float) -> int:
    """Return `sample_rate` as a whole number of hertz.

    Raises
    ------
    BadInput
        If it is not from 8 to 384 kHz.
    """
    rate = round(sample_rate)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BadInput(f"A sample rate of {sample_rate:g} Hz cannot be heard; use one from 8000 to 384000 Hz.")
    return rate


def detector_hop(sample_rate: int) -> int:
    """Samples between two looks of the onset detector: 2.7 ms, 128 at 48 kHz."""
    return round(sample_rate * 128 / 48_000)


def hop_size(sample_rate: int) -> int:
    """Samples in a hop: 5.3 ms, 256 at 48 kHz, 236 at 44.1 kHz, 512 at 96 kHz.

    Always two detector hops, so that every frame sees the same number of them.
    """
    return 2 * detector_hop(sample_rate)


def power_of_two(length: float) -> int:
    """Return the power of two nearest to `length` on a log scale; aubio's windows must be one."""
    exponent = 0
    while 2 ** (exponent + 0.5) < length:
        exponent += 1
    return 2**exponent
