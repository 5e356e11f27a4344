"""Power spectra, by FFTW and without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from analysis import spectrum
from analysis.spectrum import LONG_EVERY, LongSpectrum, PowerSpectrum, SlidingSpectrum, hann

RATE, HOP = 48_000, 256


def test_fftw_is_installed_where_it_is_to_be() -> None:
    """Else the next tests compare numpy with itself."""
    assert spectrum.pyfftw is not None or sys.platform == "darwin"


@pytest.mark.parametrize("fftw", [True, False], ids=["fftw", "numpy"])
@pytest.mark.parametrize(("length", "n_fft"), [(512, 512), (470, 512), (2048, 2048), (8192, 16384)])
def test_power_is_that_of_the_fourier_sum(monkeypatch, fftw: bool, length: int, n_fft: int) -> None:
    if not fftw:
        monkeypatch.setattr(spectrum, "pyfftw", None)
    power, rng = PowerSpectrum(hann(length), n_fft), np.random.default_rng(length)
    for _ in range(2):  # What the first left behind must not show in the second.
        samples = rng.standard_normal(length).astype(np.float32)
        expected = np.abs(np.fft.rfft(samples.astype(float) * hann(length), n_fft)) ** 2
        found = power.of(samples)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_a_sine_of_rms_1_adds_up_to_1_over_its_bins() -> None:
    sliding = SlidingSpectrum(hann(2048).astype(np.float32), HOP)
    sine = (np.sqrt(2) * np.sin(2 * np.pi * 1000 / RATE * np.arange(4096))).astype(np.float32)
    for at in range(0, len(sine), HOP):
        power = sliding.process(sine[at : at + HOP])
    assert power.sum() == pytest.approx(1.0, rel=0.01)


def test_the_long_spectrum_comes_every_second_hop_and_forgets_when_told() -> None:
    long, noise = LongSpectrum(RATE, HOP), np.random.default_rng(0).standard_normal((32, HOP)).astype(np.float32)
    spectra = [long.process(hop) is not None for hop in noise]
    assert spectra == [(number + 1) % LONG_EVERY == 0 for number in range(len(noise))]
    long.clear()
    silence = np.zeros(HOP, np.float32)
    found = [one for one in (long.process(silence) for _ in range(LONG_EVERY)) if one is not None]
    assert len(found) == 1
    assert not found[0].any()
