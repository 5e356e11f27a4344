"""Recorded drum kits for the clips: folders as Hydrogen keeps them, drumkit.xml and sound files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from bentlight.errors import BadInput
from live.bench.hearing.drums import Drum, faded
from live.bench.hearing.sampled import PEAKS, Band, begun, tuned

if TYPE_CHECKING:
    from live.bench.hearing.draw import Draw

__all__ = ["KitBand"]

_NAMES = {
    "": r"rim|stick|cross|brush",
    "kick": r"kick|bass ?d|^bd",
    "clap": r"clap",
    "snare": r"snare|^sd|^sn ",
    "open": r"(hat|hh).*(open|oh)|(open|oh).*(hat|hh)",
    "hat": r"hat|hh",
    "ride": r"ride",
    "tom": r"tom",
}
"""What is in an instrument's name; the first that fits counts, and the first of all is no drum of ours."""
_LONGEST_S = 2.5


@dataclass(frozen=True, slots=True)
class _Layer:
    """The recording of a range of velocities."""

    least: float
    most: float
    gain: float
    path: Path


class KitBand(Band):
    """A SoundFont's tonal instruments with drums out of recorded kits.

    Parameters
    ----------
    soundfont : Path
        As in `Band`.
    folder : Path
        Its sub-folders are Hydrogen drum kits. In the order of their names, even ones play in the tuning half and odd
        ones in the report half.

    Raises
    ------
    BadInput
        If there are not two kits.
    """

    def __init__(self, soundfont: Path, folder: Path) -> None:
        super().__init__(soundfont)
        kits = [dict(_instruments(path)) for path in sorted(folder.glob("*/drumkit.xml"))]
        self._recorded = [kit for kit in kits if kit]
        if len(self._recorded) < 2:
            raise BadInput(f"There are no two Hydrogen drum kits in {folder}; give the folder above theirs.")
        self._read: dict[tuple[Path, int], np.ndarray] = {}

    def drum(self, kind: str, draw: Draw, rate: int) -> Drum:
        """Draw a kit, its drum of a kind, and that drum's tuning."""
        kits = [kit for kit in self._recorded[draw.half == "report" :: 2] if kind in kit]
        if not kits:
            return super().drum(kind, draw, rate)
        layers = draw.one_of(draw.one_of(kits)[kind])
        loudest = max(float(np.abs(self._sound(layer.path, rate)).max()) * layer.gain for layer in layers)
        scale = PEAKS[kind] / max(1e-6, loudest)

        def hit(velocity: float) -> np.ndarray:
            layer = min(layers, key=lambda one: max(one.least - velocity, velocity - one.most, 0.0))
            # Where each velocity has its own recording, that is softer already.
            soften = velocity if len(layers) == 1 else 0.5 + 0.5 * velocity
            return scale * soften * layer.gain * self._sound(layer.path, rate)

        return tuned(hit, draw)

    def _sound(self, path: Path, rate: int) -> np.ndarray:
        if (path, rate) not in self._read:
            import soundfile
            import soxr

            sound, own_rate = soundfile.read(path, always_2d=True)
            sound = begun(soxr.resample(sound.mean(axis=1), own_rate, rate)[: round(_LONGEST_S * rate)])
            self._read[path, rate] = faded(sound, rate)
        return self._read[path, rate]


def _instruments(path: Path) -> Iterator[tuple[str, list[list[_Layer]]]]:
    """Yield the drums of a kit: their kind, and the layers of each of that kind."""
    text = re.sub(r'\s(xmlns(:\w+)?|xsi:\w+)="[^"]*"', "", path.read_text(errors="replace"))
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise BadInput(f"{path} is no drum kit that can be read; take it out of the folder.") from None
    found: dict[str, list[list[_Layer]]] = {}
    for instrument in tree.iter("instrument"):
        name = (instrument.findtext("name") or "").lower()
        kind = next((kind for kind, pattern in _NAMES.items() if re.search(pattern, name)), "")
        parts = list(instrument.iter("layer")) or [instrument]
        layers = [
            _Layer(
                float(part.findtext("min") or 0.0),
                float(part.findtext("max") or 1.0),
                float(part.findtext("gain") or 1.0),
                path.parent / Path(part.findtext("filename") or "").name,
            )
            for part in parts
        ]
        layers = [layer for layer in layers if layer.path.is_file()]
        if kind and layers:
            found.setdefault(kind, []).append(layers)
    yield from found.items()
