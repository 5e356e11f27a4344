"""How late pictures are: each leg from a click in the sound to the picture that shows it, and to the display."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from live.bench.clicks import RATE, click_track, starts

if TYPE_CHECKING:
    from live.performance import Performance
    from live.render import OnsetTrace

__all__ = ["LEGS", "Sounded", "legs_of", "measure", "ready_made_scene"]

LEGS = (
    "click handed to the sound server → captured",
    "captured → onset readable",
    "onset readable → render start",
    "render",
    "picture done → on the display",
    "captured → picture done",
    "click handed over → on the display",
)
_SOON_S = 0.3
_SCREEN = (640, 480)
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Sounded:
    """One click.

    Attributes
    ----------
    time_s : float
        Stream time of its first sample.
    handed_s : float or None
        Host clock at which that sample was handed to the sound server; None where a file was read instead.
    """

    time_s: float
    handed_s: float | None = None


def legs_of(
    clicks: Sequence[Sounded], traces: Sequence[OnsetTrace], bright_s: Sequence[float] | None
) -> tuple[dict[str, list[float]], int]:
    """Return the seconds that each leg took, by name as in `LEGS`, and how many clicks were heard.

    Parameters
    ----------
    clicks : sequence of Sounded
    traces : sequence of OnsetTrace
        In the order of time.
    bright_s : sequence of float or None
        Host clock of each moment at which the display turned bright; None where none was watched.
    """
    legs: dict[str, list[float]] = {name: [] for name in LEGS}
    heard = 0
    for click in clicks:
        trace = next((t for t in traces if -0.005 <= t.time_s - click.time_s < 0.1), None)
        if trace is None:
            continue
        heard += 1
        # The hop that reported the onset ended at stream time `time_s`, and was handed over at `captured_s`.
        captured_s = trace.captured_s - (trace.time_s - click.time_s)
        handed_s = click.handed_s
        if handed_s is not None:
            legs[LEGS[0]].append(captured_s - handed_s)
        legs[LEGS[1]].append(trace.published_s - captured_s)
        legs[LEGS[2]].append(trace.begun_s - trace.published_s)
        legs[LEGS[3]].append(trace.done_s - trace.begun_s)
        legs[LEGS[5]].append(trace.done_s - captured_s)
        shown_s = next((b for b in bright_s or () if 0 <= b - trace.done_s < _SOON_S), None)
        if shown_s is not None:
            legs[LEGS[4]].append(shown_s - trace.done_s)
            if handed_s is not None:
                legs[LEGS[6]].append(shown_s - handed_s)
    return legs, heard


def ready_made_scene(scene: str, folder: Path) -> Path:
    """Write `scene` (the first built-in one if empty) to `folder` with a flash: black at rest, white at each onset."""
    import yaml

    import scenes
    from bentlight.errors import BadInput

    named = scenes.library()
    path = named.get(scene) or (Path(scene) if scene else next(iter(named.values())))
    if not path.is_file():
        raise BadInput(f"there is no scene {scene!r}; there are {', '.join(named)}.")
    scenes.load(path)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    flash = {"name": "latency_flash", "operator": "blend_to_white", "site": "picture", "set": {"amount": -1}}
    hit = {
        "name": "latency_flash", "source": "onset", "to": "latency_flash/amount", "mode": "hit",
        "hold_ms": 90, "release_ms": 20, "out": [0, 2],
    }  # fmt: skip
    content["bends"] = [*content.get("bends", []), flash]
    content["routes"] = [*content.get("routes", []), hit]
    out = folder / "flash.yaml"
    out.write_text(yaml.safe_dump(content), encoding="utf-8")
    return out


@dataclass
class _Witnesses:
    """What a show is measured with."""

    traces: list[OnsetTrace] = field(default_factory=list)
    sounded: list[Sounded] = field(default_factory=list)
    bright_s: list[float] | None = None


def measure(
    seconds: float = 30.0,
    seed: int = 1,
    scene: str = "",
    *,
    sound_server: bool | None = None,
    display: bool | None = None,
) -> dict[str, Any]:
    """Play clicks into a null sink, listen to it as to any input, and time each leg on the host clock.

    A private sound server stands in for a sound card and a virtual display for a screen, so a real card's own latency
    is not in it (`bentlight devices` reports that), nor a real screen's. The scene is given a flash: black, but white
    for a moment at each onset; what shows it is the first bright pixel.

    Parameters
    ----------
    seconds : float
        Length of the track of clicks.
    seed : int
        Draws the clicks' times.
    scene : str
        Name or path; the first built-in one when empty.
    sound_server, display : bool or None
        Whether to use them; None: where this machine has what it takes. Without the server the clicks are read from a
        file, paced by the clock; without the display there is no window.

    Returns
    -------
    dict
        ``clicks``, ``heard``, ``shown``, ``sound_server``, ``display``, ``legs``: name → p50, p95 in ms (empty where
        not measured), ``feature_age_ms``, ``pictures_per_s``, ``runtime``.
    """
    from live.performance import Performance, PlaySettings
    from live.stand_ins import display as screens
    from live.stand_ins import sound_server as servers

    served = not servers.missing() if sound_server is None else sound_server
    watched = not screens.missing() if display is None else display
    seen = _Witnesses()
    with contextlib.ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="latency")))
        if served:
            ending.enter_context(servers.private_pulse())
        watch: Any = None
        if watched:
            screen = ending.enter_context(screens.VirtualDisplay(*_SCREEN))
            ending.enter_context(_environment(screen.environment))
            watch = ending.enter_context(_watching(screen.file))
        rate = servers.RATE if served else RATE
        samples, times = click_track(seconds, seed, rate)
        path = _written(folder / "clicks.wav", samples, rate)
        performance = Performance(
            PlaySettings(
                input="pulse" if served else f"file:{path}", gain=0.0, scene=str(ready_made_scene(scene, folder)),
                headless=not watched, mute=True, osc=None,
            )
        )  # fmt: skip
        performance.renderer.onset_listener = seen.traces.append
        if served:
            player = threading.Thread(target=_play_when_ready, args=(performance, path, seen), daemon=True)
            player.start()
        else:
            seen.sounded = [Sounded(time) for time in times]
            if watched:
                _end_with_the_file(performance, seconds)
        made = performance.run()
        if watch is not None:
            seen.bright_s = watch()
        runtime = performance.renderer.generator.playing if performance.renderer.generator else ""
    legs, heard = legs_of(seen.sounded, seen.traces, seen.bright_s)
    return {
        "clicks": len(times),
        "heard": heard,
        "shown": len(legs[LEGS[4]]) if watched else None,
        "sound_server": served,
        "display": watched,
        "runtime": runtime,
        "legs": {name: _summary(values) for name, values in legs.items()},
        "feature_age_ms": made["feature_age_ms"],
        "pictures_per_s": made["pictures_per_s"],
    }


def _summary(values_s: Sequence[float]) -> Mapping[str, float]:
    return {f"p{p}": round(1e3 * float(np.percentile(values_s, p)), 1) for p in (50, 95)} if values_s else {}


def _written(path: Path, samples: np.ndarray, rate: int) -> Path:
    import soundfile

    soundfile.write(path, samples, rate)
    return path


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _watching(file: Path) -> Iterator[Any]:
    """Watch a display; gives a function that ends it and returns the moments at which the display turned bright."""
    with subprocess.Popen(
        [sys.executable, "-m", "live.stand_ins.watcher", str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as watcher:  # fmt: skip
        try:
            yield lambda: [float(line) for line in watcher.communicate()[0].split()]
        finally:
            if watcher.poll() is None:
                watcher.kill()


def _ready(performance: Performance) -> bool:
    """Whether pictures come, from the runtime that is to be measured, and sound is heard."""
    generator = performance.renderer.generator
    settled = generator is not None and generator.playing == generator.runtime
    return settled and performance.renderer.stats.pictures > 20 and performance.ears.status().state == "running"


def _play_when_ready(performance: Performance, path: Path, seen: _Witnesses) -> None:
    """Play the clicks once the show runs, find them in what was captured, and end the show."""
    pause = threading.Event()
    waited_s = 0.0
    while not _ready(performance) and waited_s < _READY_S:
        pause.wait(0.1)
        waited_s += 0.1
    reader = performance.ears.samples.reader()
    # Into a file: a pipe that nobody empties would hold the player up.
    said = path.with_suffix(".handed")
    with said.open("w") as out:
        player = subprocess.Popen(
            [sys.executable, "-m", "live.stand_ins.clicker", str(path)], stdout=out, stderr=subprocess.DEVNULL
        )
    found: list[float] = []
    captured: list[tuple[float, np.ndarray]] = []
    while True:
        ended = player.poll() is not None
        if ended:
            pause.wait(0.5)
        while len((block := reader.read()).samples):
            captured.append((block.start_time_s, block.samples[:, 0]))
        if ended:
            break
        pause.wait(0.2)
    rate = reader.sample_rate
    if captured:
        # Stretches that join are one recording, so that no click is cut in two.
        at, joined = captured[0][0], [captured[0][1]]
        for start_s, samples in captured[1:]:
            if abs(start_s - (at + sum(map(len, joined)) / rate)) > 0.5 / rate:
                found += (at + starts(np.concatenate(joined), rate)).tolist()
                at, joined = start_s, []
            joined.append(samples)
        found += (at + starts(np.concatenate(joined), rate)).tolist()
    seen.sounded = _paired(found, _handed(said, path))
    performance.director.quit.set()


def _handed(said: Path, path: Path) -> np.ndarray:
    """Return the host clock at which each click's first sample was handed to the sound server, shape (clicks,)."""
    import soundfile

    lines = [line.split() for line in said.read_text().splitlines()]
    samples, rate = soundfile.read(path, dtype="float32")
    if not lines:
        return np.zeros(0)
    first = np.array([int(number) for number, _ in lines])
    moments = np.array([float(moment) for _, moment in lines])
    clicks = np.round(starts(samples, rate) * rate).astype(int)
    block = np.searchsorted(first, clicks, side="right") - 1
    return moments[block] + (clicks - first[block]) / rate


def _paired(found_s: Sequence[float], handed_s: np.ndarray) -> list[Sounded]:
    """Pair clicks found in the captured sound with those played: the same number, or by the nearest distance."""
    if not len(found_s) or not len(handed_s):
        return []
    found = np.asarray(found_s)
    # The two clocks differ by a constant and the transport's jitter: the median of the differences is that constant.
    count = min(len(found), len(handed_s))
    offset = float(np.median(found[:count] - handed_s[:count]))
    paired = []
    for moment in handed_s:
        nearest = found[np.argmin(np.abs(found - offset - moment))]
        if abs(nearest - offset - moment) < 0.1:
            paired.append(Sounded(float(nearest), float(moment)))
    return paired


def _end_with_the_file(performance: Performance, seconds: float) -> None:
    """End a show with a window once its file is over: a window stays open otherwise."""

    def wait() -> None:
        pause, waited_s = threading.Event(), 0.0
        while performance.ears.status().state != "ended" and waited_s < seconds + _READY_S:
            pause.wait(0.2)
            waited_s += 0.2
        performance.director.quit.set()

    threading.Thread(target=wait, daemon=True).start()
