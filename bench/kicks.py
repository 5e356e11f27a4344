"""Teach the network that tells kick drums: ``python -m bench.kicks --soundfont GM.sf2 --kits DRUMKITS``.

Writes ``analysis/kicks.npz`` from the tuning halves of the clips of ``bentlight bench hearing``, synthesised and played
by the recorded instruments given, and prints how well kicks are told in the report halves, which have other recordings
(but of a drum of which a SoundFont has only one). That is the network alone; how soon after another and how weak a
kick may be is up to `analysis.kicks.KickStream`, which `bentlight bench hearing` scores. For SoundFonts it needs
tinysoundfont.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis import slow_onsets
from analysis.kicks import FEATURES, LIKELY, LOOKS, SURE, WEIGHTS, Kicks
from analysis.onsets import JOIN_S
from analysis.slow_onsets import RiseFunction
from analysis.timing import hop_size
from bench.teaching import REPORT_SEED, SECONDS, Lesson, answers, asked_for, beginnings, fitted, write
from live.bench.hearing import drums, rhythms
from live.bench.hearing.clips import clip
from live.bench.hearing.draw import Draw, Half
from live.bench.hearing.kits import KitBand
from live.bench.hearing.sampled import Band
from live.bench.hearing.truth import Clip

EARLY_S, LATE_S = 0.040, 0.012
"""How long before and after a rise the kick that it is may have its onset."""
NEAR_S = 0.06
"""What rises so near a kick or a tom that is no longer to be found is not taught, and not counted."""
NOISES = ("white_noise", "pink_noise")
PLAIN, PLAIN_S = 16, 8.0
"""Tracks of one drum or two and nothing else, for each clip that is asked for, and their length."""
LESSON = Lesson(hidden=48, networks=2, steps=8000, batch=256, rate=3e-3, decay=0.01, dropout=0.1, jitter=0.15)


class Examples(NamedTuple):
    """Descriptions ``(n, len(LOOKS), FEATURES)`` of what rises, whether each is a kick ``(n,)``, and how many kicks
    were not among them."""

    described: np.ndarray
    true: np.ndarray
    unheard: int


def examples(music: Clip) -> Examples:
    """Describe all that begins low in a clip, and say what is a kick."""
    hop = hop_size(music.rate)
    hop_s = hop / music.rate
    notes = RiseFunction(music.rate, hop, slow_onsets.NOTE)
    kicks = Kicks(music.rate, hop, notes.n_fft)
    found: list[tuple[float, list[np.ndarray]]] = []
    for number in range(len(music.samples) // hop):
        samples = music.samples[number * hop : (number + 1) * hop]
        learn = (number + 1) * hop_s <= JOIN_S
        notes.process(samples, learn)
        risen = kicks.process(samples, notes.spectrum, learn)
        if risen is None or learn:
            continue
        if risen.hops == LOOKS[0]:
            found.append(((number + 1 - risen.hops) * hop_s, []))
        if found:
            found[-1][1].append(risen.described)
    streams = music.truth.streams_s
    left = list(streams.get("kick", ()))
    near = np.concatenate([streams.get("kick", np.zeros(0)), streams.get("tom", np.zeros(0))])
    described, true = [], []
    for at_s, rows in found:
        if len(rows) < len(LOOKS):
            continue
        mine = next((one for one in left if -EARLY_S < one - at_s < LATE_S), None)
        if mine is not None:
            left.remove(mine)
        elif np.abs(near - at_s).min(initial=np.inf) < NEAR_S:
            continue
        described.append(rows)
        true.append(mine is not None)
    shape = -1, len(LOOKS), FEATURES
    return Examples(np.array(described, np.float32).reshape(shape), np.array(true, bool), len(left))


def gathered(half: Half, each: int, band: Band | None) -> Iterator[Clip]:
    """Yield clips of a half with drums and without, and noise; in the tuning half also plain tracks."""
    yield from beginnings(half, each, band)
    for name in NOISES if band is None else ():
        for index in range(2 * each):
            yield clip(name, index, seed=REPORT_SEED, half=half, seconds=SECONDS)
    for index in range(PLAIN * each if half == "tune" else 0):
        yield plain(Draw(REPORT_SEED, "tune", "plain", index, seconds=PLAIN_S, band=band), index)


def plain(draw: Draw, index: int) -> Clip:
    """Return a track of one drum or two with nothing beside them, dry or in a room: music hardly ever is."""
    song, kit = rhythms.start(draw, 60, 180, seconds=PLAIN_S)
    if draw.chance(0.5):
        song.mix.room = 0.0
    kit_of = {"kick": kit.kick, "snare": kit.snare, "tom": drums.tom(draw, song.rate), "hat": kit.hat}
    heard = [draw.one_of(("kick", "kick", "snare", "snare", "tom", "hat")) for _ in range(draw.whole(1, 2))]
    for step in range(2 * song.beats):
        name = draw.one_of(heard)
        song.hit(name, kit_of[name], step / 2, draw.between(0.4, 1.0))
    return song.clip("plain", index, "percussive", beats=False)


def joined(parts: Iterable[Examples]) -> Examples:
    """Put the examples of several clips together."""
    described, true, unheard = zip(*parts, strict=True)
    return Examples(np.concatenate(described), np.concatenate(true), sum(unheard))


def heard_of(half: Half, each: int, soundfont: Path | None, kits: Path | None) -> Examples:
    """Describe all of one player; with `kits`, that of the recorded drums."""
    band = None if soundfont is None else KitBand(soundfont, kits) if kits else Band(soundfont)
    return joined(map(examples, gathered(half, each, band)))


def teach(taught: Examples, lesson: Lesson = LESSON) -> dict[str, np.ndarray]:
    """Fit the networks; returns what ``kicks.npz`` holds."""
    import torch

    described = taught.described.reshape(-1, FEATURES)
    true = torch.from_numpy(np.repeat(taught.true, len(LOOKS)).astype(np.float32))

    def pick() -> torch.Tensor:
        return torch.randint(len(true), (lesson.batch,))

    def loss(said: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(said[:, 0], true[rows])

    return fitted(described, 1, pick, loss, lesson)


def told(weights: dict[str, np.ndarray], described: np.ndarray) -> np.ndarray:
    """Return whether each of what rises is told as a kick, shape (n,)."""
    odds = answers(weights, described)[..., 0]
    return (odds > np.array([SURE, LIKELY])).any(axis=1)


def main() -> None:
    """Gather, teach, write, report."""
    from rich.progress import track

    chosen = asked_for(__doc__, WEIGHTS, each=4, kits=True)
    sources: dict[str, tuple[Path | None, Path | None]] = {"synthesised": (None, None)}
    sources |= {path.stem: (path, None) for path in chosen.soundfont}
    if chosen.kits:
        sources["recorded kits"] = chosen.soundfont[0], chosen.kits

    def hear(half: Half, each: int) -> dict[str, Examples]:
        # Each player in a process of its own: hearing takes longer than teaching.
        with ProcessPoolExecutor() as pool:
            hearing = {name: pool.submit(heard_of, half, each, *source) for name, source in sources.items()}
            waiting = track(hearing.items(), f"hearing the {half} half", transient=True)
            return {name: one.result() for name, one in waiting}

    if chosen.report:
        with np.load(chosen.out) as kept:
            weights = dict(kept)
        heard = hear("report", chosen.each)
    else:
        taught = joined(hear("tune", chosen.each).values())
        print(f"taught on {len(taught.true)} rises, {taught.true.sum()} of them kicks")
        weights = teach(taught)
        write(weights, chosen.out)
        heard = {"taught": taught, **hear("report", 1)}
    for name, others in heard.items():
        said = told(weights, others.described)
        f = 2 * (said & others.true).sum() / max(1, said.sum() + others.true.sum() + others.unheard)
        print(f"{name:24} kick F {f:.3f}   {(said & ~others.true).sum()} false of {(~others.true).sum()} other rises")


if __name__ == "__main__":
    main()
