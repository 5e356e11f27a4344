"""`study`: everything that is known of a whole track, as named signals at the rate of pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np

from analysis.files import sound_info, unreadable
from analysis.study import parts, pulse, sections, signals
from analysis.study.needs import need
from analysis.study.parts import Series
from bentlight.errors import BadInput
from bentlight.paths import for_soundfile

__all__ = ["SIGNALS", "TrackStudy", "load", "study"]

SAMPLE_RATE = 22_050
"""Rate in Hz at which a track is studied: what is above 11 kHz says little of music's structure."""
_SHORTEST_S = 1.0
_COMPONENTS = 12

SIGNALS: dict[str, tuple[int, str, str]] = {
    "rms": (1, "0 to 1", "root mean square, the loudest moment as 1"),
    "energy": (1, "0 to 1", "mean square over 60 ms, the loudest moment as 1"),
    "swell": (1, "0 to 1", "RMS smoothed over 1.5 s, lowest as 0 and highest as 1"),
    "harmonic": (1, "0 to 1", "RMS of the harmonic part"),
    "percussive": (1, "0 to 1", "RMS of the percussive part"),
    "onset_low": (1, "0 to 1", "onset envelope below 150 Hz: kick; 97 % of its peaks below 1, squared"),
    "onset_mid": (1, "0 to 1", "onset envelope from 500 to 2000 Hz: snare and voice"),
    "onset_high": (1, "0 to 1", "onset envelope above 4000 Hz: hats"),
    "onset": (1, "0 to 1", "five onset detection functions together"),
    "hit": (1, "0 to 1", "a half Gaussian of 100 ms after each hit, highest at the hit"),
    "rise": (1, "0 to 1", "a half Gaussian of 100 ms before each hit, highest at the hit"),
    "swing": (1, "0 to 1", "a full Gaussian of 100 ms on each hit"),
    "dip": (1, "0.8 to 1", "1 at rest, down to 0.8 at hits: for zooms that rest at 1"),
    "pulse": (1, "0 to 1", "predominant local pulse: highest on the beat"),
    "turns": (1, "0 to 3", "turns since the section began, 1 to 3 in a section by how loud it is"),
    "section": (1, "number", "number of the energy section, from 0"),
    "kind": (1, "number", "number of the kind of section, from 0; what repeats has the same"),
    "chroma": (12, "sum 1", "strength of each pitch class in the harmonic part, C first"),
    "components": (_COMPONENTS, "sum 1", "strength of twelve spectral shapes in the harmonic part, low ones first"),
}
"""Every signal of a study by name: how many values a frame, its range, and what it is."""


@dataclass(frozen=True, slots=True)
class TrackStudy:
    """What is known of a whole track.

    Attributes
    ----------
    path : str
    duration_s : float
    rate_hz : float
        Frames per second of the signals.
    tempo : float
        In BPM; 0 if there is no pulse.
    signals : dict of str to ndarray of float32, shape (frames,) or (frames, k)
        The names are those of `SIGNALS`. Frame i stands for the time ``i / rate_hz``.
    beats_s : ndarray, shape (beats,)
        Peaks of the pulse.
    hits_s, hit_strengths : ndarray, shape (hits,)
        Hits of the percussive part and how strong they are, 0 to 1.
    energy_edges_s : ndarray, shape (sections + 1,)
        Where the sections between energy dips begin, and where the last ends.
    kind_edges_s : ndarray, shape (stretches + 1,)
        The same for stretches of one kind.
    kinds : ndarray of int, shape (stretches,)
        Their kinds.
    """

    path: str
    duration_s: float
    rate_hz: float
    tempo: float
    signals: dict[str, np.ndarray]
    beats_s: np.ndarray
    hits_s: np.ndarray
    hit_strengths: np.ndarray
    energy_edges_s: np.ndarray
    kind_edges_s: np.ndarray
    kinds: np.ndarray

    @property
    def times_s(self) -> np.ndarray:
        """Time of each frame, shape (frames,)."""
        return np.arange(len(self.signals["rms"])) / self.rate_hz

    def __getitem__(self, name: str) -> np.ndarray:
        return self.signals[name]

    def write_npz(self, file: IO[bytes]) -> None:
        """Write it as a numpy archive: signals as ``signal.<name>``, the rest by name."""
        arrays: dict[str, Any] = {f"signal.{name}": values for name, values in self.signals.items()}
        arrays |= {f.name: np.asarray(getattr(self, f.name)) for f in fields(self) if f.name != "signals"}
        np.savez_compressed(file, **arrays)

    def write_json(self, file: IO[str]) -> None:
        """Write it as JSON, values to five decimals."""
        data: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            data[f.name] = np.round(value, 5).tolist() if isinstance(value, np.ndarray) else value
        data["signals"] = {name: np.round(v.astype(np.float64), 5).tolist() for name, v in self.signals.items()}
        json.dump(data, file)
        file.write("\n")


def load(path: str | Path) -> TrackStudy:
    """Read what `TrackStudy.write_npz` wrote; nothing in the file is ever unpickled.

    Raises
    ------
    BadInput
        If the file is not there or is no such archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        held = {name.removeprefix("signal."): found.pop(name) for name in list(found) if name.startswith("signal.")}
        plain = {
            name: value.item() if name in ("path", "duration_s", "rate_hz", "tempo") else value
            for name, value in found.items()
        }
        return TrackStudy(signals=held, **plain)
    except Exception as error:
        # A damaged file ends in whatever zipfile, zlib or numpy's reading of a header happened to be doing with it.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise BadInput(
            f"{path} is no study of a track ({reason}); make one with bentlight analyze --what study."
        ) from None


def study(
    path: str | Path,
    *,
    rate_hz: float = 60.0,
    kinds: int = 5,
    seed: int = 0,
    stems: Mapping[str, str | Path] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> TrackStudy:
    """Study a whole track.

    Parameters
    ----------
    path : str or Path
        Any file that libsndfile reads.
    rate_hz : float, optional
        Frames per second of the signals [1 to 1000]. At other rates the same moments have the same values.
    kinds : int, optional
        How many kinds of section to look for [2 to 12].
    seed : int, optional
        Of the components and of the kinds.
    stems : mapping of str to path, optional
        Separated parts of the same track; each adds the signals ``<name>.rms`` and ``<name>.hit``.
    progress : callable, optional
        Called with the share done, 0 to 1, and what comes next.

    Raises
    ------
    BadInput
        If a file is missing, is no sound or is shorter than a second, a number cannot be used, or the extra ``track``
        is not installed.
    """
    if not 1 <= rate_hz <= 1000:
        raise BadInput(f"a rate of {rate_hz:g} frames per second cannot be used; give 1 to 1000.")
    sections.check_kinds(kinds, seed)
    stems = _checked_stems(stems)
    need("librosa")
    steps = iter(np.linspace(0, 1, 8).tolist())

    def tell(what: str) -> None:
        if progress is not None:
            progress(next(steps), what)

    tell("reading")
    samples = _read(path)
    duration_s = len(samples) / SAMPLE_RATE
    tell("harmonic and percussive parts")
    harmonic, percussive = parts.separate(samples, margin=3.0)
    tell("onsets and hits")
    found = _levels(samples, harmonic, percussive)
    found |= {name: _onsets(percussive, *band) for name, band in _BANDS.items()}
    together = parts.onset_sum(samples, SAMPLE_RATE)
    found["onset"] = Series(together.times_s, signals.norm(together.values))
    envelope = parts.onset_envelope(percussive, SAMPLE_RATE)
    hits = parts.find_hits(envelope)
    within = hits.times_s < duration_s  # where the file ends in the middle of a tone, the cut is no hit
    hits = parts.Hits(hits.times_s[within], hits.strengths[within])
    tell("pulse")
    beat = pulse.local_pulse(envelope)
    found["pulse"] = beat.curve
    tell("chroma")
    found["chroma"] = parts.chroma(harmonic, SAMPLE_RATE)
    tell("components")
    found["components"] = parts.components(harmonic, SAMPLE_RATE, count=_COMPONENTS, seed=seed)
    tell("sections")
    loudness = parts.rms(samples, SAMPLE_RATE)
    by_energy = sections.energy_sections(loudness, duration_s)
    by_kind = sections.laplacian_sections(samples, SAMPLE_RATE, count=kinds, beats_s=beat.beats_s, seed=seed)

    at_s = np.arange(max(1, int(duration_s * rate_hz))) / rate_hz
    values = {name: signals.sample(series.values, series.times_s, at_s) for name, series in found.items()}
    values |= _round_hits(hits, at_s)
    values |= _by_section(by_energy, by_kind, loudness, at_s)
    for name in ("chroma", "components"):
        values[name] = signals.rows_to_one(values[name])
    for name, stem in stems.items():
        values |= _stem(name, _read(stem), at_s)
    order = [*SIGNALS, *(name for name in values if name not in SIGNALS)]
    tell("done")
    return TrackStudy(
        path=str(path),
        duration_s=duration_s,
        rate_hz=float(rate_hz),
        tempo=beat.tempo,
        signals={name: values[name].astype(np.float32) for name in order},
        beats_s=beat.beats_s,
        hits_s=hits.times_s,
        hit_strengths=hits.strengths,
        energy_edges_s=by_energy.edges_s,
        kind_edges_s=by_kind.edges_s,
        kinds=by_kind.labels,
    )


_BANDS: dict[str, tuple[float, float | None]] = {
    "onset_low": (20.0, 150.0),
    "onset_mid": (500.0, 2000.0),
    "onset_high": (4000.0, None),
}


def _checked_stems(stems: Mapping[str, str | Path] | None) -> dict[str, str | Path]:
    """Return the stems, if each can be read: minutes lie between this and its turn."""
    if stems is not None and not isinstance(stems, Mapping):
        raise BadInput("stems are not named; give names with paths, such as {'drums': 'drums.wav'}.")
    for path in (stems or {}).values():
        _measured(path)
    return dict(stems or {})


def _measured(path: str | Path) -> tuple[Path, float]:
    """Return a sound file's path and its rate in Hz, if it can be studied."""
    path = Path(path)
    if not os.path.isfile(path):
        raise BadInput(f"{path} is not a file; give the path of a sound file.")
    info = sound_info(path)
    _check_long(path, info.frames, info.samplerate)
    return path, info.samplerate


def _check_long(path: Path, samples: int, rate: float) -> None:
    if samples < _SHORTEST_S * rate:
        raise BadInput(f"{path} is shorter than {_SHORTEST_S:g} s, too short to be studied as a whole.")


def _read(path: str | Path) -> np.ndarray:
    """The mean of a file's channels at `SAMPLE_RATE`, float32, shape (n,)."""
    import soundfile

    path, rate = _measured(path)
    try:
        samples, _ = soundfile.read(for_soundfile(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise unreadable(path, error) from None
    mono = np.clip(np.nan_to_num(samples.mean(axis=1), posinf=0.0, neginf=0.0), -8.0, 8.0)
    # A file may hold less than it says.
    _check_long(path, len(mono), rate)
    if rate != SAMPLE_RATE:
        mono = need("librosa").resample(mono, orig_sr=rate, target_sr=SAMPLE_RATE, res_type="soxr_hq")
    return np.ascontiguousarray(mono, np.float32)


def _levels(samples: np.ndarray, harmonic: np.ndarray, percussive: np.ndarray) -> dict[str, Series]:
    """How loud the track and its parts are, each with its loudest moment as 1."""
    whole, square = parts.rms(samples, SAMPLE_RATE), parts.energy(samples, SAMPLE_RATE)
    slow = signals.gaussian_smooth(whole.values, whole.rate_hz, 1.5)
    found = {"rms": whole, "energy": square}
    found |= {"harmonic": parts.rms(harmonic, SAMPLE_RATE), "percussive": parts.rms(percussive, SAMPLE_RATE)}
    found = {name: Series(s.times_s, s.values / max(float(s.values.max()), 1e-9)) for name, s in found.items()}
    return found | {"swell": Series(whole.times_s, signals.norm(slow))}


def _onsets(percussive: np.ndarray, low_hz: float, high_hz: float | None) -> Series:
    series = parts.onset_envelope(percussive, SAMPLE_RATE, low_hz=low_hz, high_hz=high_hz, smooth_s=0.02)
    return Series(series.times_s, signals.percentile_clip(series.values, 97.0) ** 2)


def _round_hits(hits: parts.Hits, at_s: np.ndarray) -> dict[str, np.ndarray]:
    after = signals.hit_envelope(hits.times_s, hits.strengths, at_s, side="decay")
    return {
        "hit": after,
        "rise": signals.hit_envelope(hits.times_s, hits.strengths, at_s, side="attack"),
        "swing": signals.hit_envelope(hits.times_s, hits.strengths, at_s, side="full"),
        "dip": signals.plateau(after, 0.2),
    }


def _by_section(
    by_energy: sections.Sections, by_kind: sections.Sections, loudness: Series, at_s: np.ndarray
) -> dict[str, np.ndarray]:
    edges_s = by_energy.edges_s
    place = np.clip(np.searchsorted(edges_s, loudness.times_s, side="right") - 1, 0, len(edges_s) - 2)
    mean = np.bincount(place, loudness.values, len(edges_s) - 1) / np.maximum(
        np.bincount(place, minlength=len(edges_s) - 1), 1
    )
    stretch = np.clip(np.searchsorted(by_kind.edges_s, at_s, side="right") - 1, 0, len(by_kind.labels) - 1)
    return {
        "turns": signals.sawtooth(edges_s, mean, at_s),
        "section": np.clip(np.searchsorted(edges_s, at_s, side="right") - 1, 0, len(edges_s) - 2).astype(np.float64),
        "kind": by_kind.labels[stretch].astype(np.float64),
    }


def _stem(name: str, samples: np.ndarray, at_s: np.ndarray) -> dict[str, np.ndarray]:
    level = parts.rms(samples, SAMPLE_RATE)
    hits = parts.find_hits(parts.onset_envelope(samples, SAMPLE_RATE))
    return {
        f"{name}.rms": signals.sample(level.values / max(float(level.values.max()), 1e-9), level.times_s, at_s),
        f"{name}.hit": signals.hit_envelope(hits.times_s, hits.strengths, at_s),
    }
