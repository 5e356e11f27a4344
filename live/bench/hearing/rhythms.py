"""Clips of drums alone."""

from __future__ import annotations

from live.bench.hearing import drums
from live.bench.hearing.draw import Draw
from live.bench.hearing.song import Song

__all__ = ["KITS"]


class _Kit:
    def __init__(self, song: Song) -> None:
        draw, rate = song.draw, song.rate
        self.kick, self.snare, self.clap = drums.kick(draw, rate), drums.snare(draw, rate), drums.clap(draw, rate)
        self.hat, self.open = drums.hat(draw, rate), drums.open_hat(draw, rate)
        self.back = self.clap if draw.chance(0.4) else self.snare
        self.hats = draw.between(0.5, 1.1)
        self.backs = draw.between(0.6, 1.0)


def start(draw: Draw, low: float, high: float, *, seconds: float | None = None) -> tuple[Song, _Kit]:
    """Return a song at a tempo drawn between two, and a kit for it."""
    song = Song(draw, draw.between(22, 27) if seconds is None else seconds)
    song.tempo(draw.between(low, high))
    return song, _Kit(song)


def rock(song: Song, kit: _Kit, bars: range | None = None) -> None:
    """Play a plain beat with eighths on the hat, drawn from a few."""
    kick = song.draw.one_of(("x...x...", "x....x..", "x..xx...", "x...xx.."))
    song.pattern("kick", kit.kick, kick, bars=bars)
    song.pattern("snare", kit.back, "..x...x.", kit.backs, bars=bars)
    song.pattern("hat", kit.hat, song.draw.one_of(("xoxoxoxo", "oxoxoxox", "xxxxxxxx")), kit.hats, bars=bars)


def house(song: Song, kit: _Kit, bars: range | None = None) -> None:
    """Play four on the floor with an open hat between."""
    song.pattern("kick", kit.kick, "xxxx", bars=bars)
    song.pattern("snare", kit.back, ".x.x", kit.backs, bars=bars)
    song.pattern("hat", kit.open, ".o.o.o.o", kit.hats, bars=bars)


def four_on_the_floor(draw: Draw) -> Song:
    """House: kick on every beat, hat between, clap on two and four."""
    song, kit = start(draw, 116, 136)
    house(song, kit)
    if draw.chance(0.5):
        song.pattern("hat", kit.hat, "g.gog.gog.gog.go", kit.hats)
    return song


def off_beat_hats(draw: Draw) -> Song:
    """A soft kick, and open hats between the beats that are louder."""
    song, kit = start(draw, 100, 140)
    song.pattern("kick", kit.kick, draw.one_of(("x.x.", "xxxx")), draw.between(0.35, 0.6))
    song.pattern("hat", kit.open, ".x.x.x.x", draw.between(1.2, 1.8))
    return song


def breakbeat(draw: Draw) -> Song:
    """A syncopated break with ghost notes."""
    song, kit = start(draw, 90, 138)
    kick, snare = draw.one_of(
        (
            ("x.x.......xx....", "....x..g.g..x..g"),
            ("x.....x...x.....", "....x..g....x.g."),
            ("x..x..x.....x...", "....x.....g.x..."),
        )
    )
    song.pattern("kick", kit.kick, kick)
    song.pattern("snare", kit.snare, snare, kit.backs)
    song.pattern("hat", kit.hat, "x.o.x.o.x.o.x.o.", kit.hats)
    return song


def half_time(draw: Draw) -> Song:
    """The backbeat on three; hats in sixteenths and a roll."""
    song, kit = start(draw, 128, 150)
    song.pattern("kick", kit.kick, draw.one_of(("x.......", "x..x....", "x.....o.")))
    song.pattern("snare", kit.back, "....x...", kit.backs)
    song.pattern("hat", kit.hat, draw.one_of(("xoxoxoxo", "x.xxx.xo")), kit.hats)
    return song


def shuffle(draw: Draw) -> Song:
    """A shuffle: eighths as triplets."""
    song, kit = start(draw, 84, 132)
    song.swing = draw.between(0.62, 0.68)
    rock(song, kit)
    return song


def swung_sixteenths(draw: Draw) -> Song:
    """Sixteenths with swing."""
    song, kit = start(draw, 84, 110)
    song.swing, song.swing_unit = draw.between(0.55, 0.64), 0.5
    song.pattern("kick", kit.kick, "x..x..x.....x...")
    song.pattern("snare", kit.back, "....x.......x..g", kit.backs)
    song.pattern("hat", kit.hat, "xgogxgogxgogxgog", kit.hats)
    return song


def swung_hats(draw: Draw) -> Song:
    """Jazz: only a ride and a hat on two and four."""
    song, kit = start(draw, 110, 170)
    song.swing = draw.between(0.6, 0.68)
    song.human_s = 0.004
    song.pattern("hat", drums.ride(draw, song.rate), "x.xox.xo")
    song.pattern("hat", kit.hat, ".x.x", 0.8)
    return song


def sixteenths(draw: Draw) -> Song:
    """Dense sixteenths on the hat over a techno kick."""
    song, kit = start(draw, 104, 130)
    song.pattern("kick", kit.kick, "xxxx")
    song.pattern("snare", kit.back, ".x.x", kit.backs)
    song.pattern("hat", kit.hat, "xoxoxoxoxoxoxoxo", kit.hats)
    return song


def sparse(draw: Draw) -> Song:
    """Slow, few hits."""
    song, kit = start(draw, 70, 92, seconds=28)
    song.pattern("kick", kit.kick, draw.one_of(("x.......", "x....x..")))
    song.pattern("snare", kit.back, "....x...", kit.backs)
    song.pattern("hat", kit.hat, "..o...o.", kit.hats)
    song.mix.room = draw.between(0.1, 0.3)
    return song


def five_four(draw: Draw) -> Song:
    """Five beats to the bar."""
    song, kit = start(draw, 100, 170)
    song.bar = 5
    song.pattern("kick", kit.kick, "x.....xx..")
    song.pattern("snare", kit.snare, "....x...x.", kit.backs)
    song.pattern("hat", kit.hat, "xoxoxoxoxo", kit.hats)
    return song


def seven_eight(draw: Draw) -> Song:
    """Seven to the bar, 2+2+3 or 3+2+2, at a pace where each of the seven is counted as a beat."""
    song, kit = start(draw, 140, 176)
    song.bar = 7
    kick, snare = draw.one_of((("x.x....", "....x.."), ("x......", "...x.x."), ("x...x..", "..x...x")))
    song.pattern("kick", kit.kick, kick)
    song.pattern("snare", kit.snare, snare, kit.backs)
    song.pattern("hat", kit.hat, "xxxxxxx", kit.hats)
    return song


def tempo_step(draw: Draw) -> Song:
    """A jump of the tempo half way, at a bar."""
    song, kit = start(draw, 80, 150, seconds=32)
    before = float(song.about["bpm"])
    ratio = draw.one_of((0.8, 0.86, 1.15, 1.25))
    turn = 4 * round(0.45 * song.seconds * before / 60 / 4)
    song.tempo(lambda beat: before if beat < turn else before * ratio)
    song.about["then"] = round(before * ratio, 1)
    (rock if draw.chance(0.5) else house)(song, kit)
    song.change_s = song.at_s(turn)
    return song


def accelerando(draw: Draw) -> Song:
    """A tempo that rises or falls by a fifth over the clip."""
    song, kit = start(draw, 90, 140)
    first = float(song.about["bpm"])
    change = draw.one_of((-1, 1)) * draw.between(0.14, 0.22)
    total = song.beats
    song.tempo(lambda beat: first * (1 + change * min(1.0, beat / total)))
    song.about["then"] = round(first * (1 + change), 1)
    rock(song, kit)
    return song


def crescendo(draw: Draw) -> Song:
    """From 30 dB down up to full over the clip."""
    song, kit = start(draw, 90, 140)
    song.mix.fader = ([0.0, song.seconds], [-30.0, 0.0])
    song.mix.noise_db = -68.0
    rock(song, kit)
    return song


def decrescendo(draw: Draw) -> Song:
    """From full down by 30 dB over the clip."""
    song, kit = start(draw, 90, 140)
    song.mix.fader = ([0.0, song.seconds], [0.0, -30.0])
    song.mix.noise_db = -68.0
    rock(song, kit)
    return song


def level_drop(draw: Draw) -> Song:
    """20 dB less at once, half way."""
    song, kit = start(draw, 95, 140)
    turn_s = song.at_s(4 * (song.bars // 2)) - 0.03
    song.mix.fader = ([0.0, turn_s, turn_s + 0.02], [0.0, 0.0, -20.0])
    song.mix.noise_db = -68.0
    rock(song, kit)
    return song


def noise_floor(draw: Draw) -> Song:
    """Drums in steady noise, 20 to 28 dB under them."""
    song, kit = start(draw, 95, 140)
    song.mix.noise_db, song.mix.noise_colour = draw.between(-28, -20), draw.one_of(("white", "pink"))
    rock(song, kit)
    return song


def toms(draw: Draw) -> Song:
    """A beat with fills on the toms every other bar."""
    song, kit = start(draw, 90, 130)
    high, low = drums.tom(draw, song.rate), drums.tom(draw, song.rate)
    rock(song, kit)
    for bar in range(1, song.bars, 2):
        song.pattern("tom", high, "........x.xx....", bars=[bar])
        song.pattern("tom", low, "............x.xx", bars=[bar])
    return song


def hall(draw: Draw) -> Song:
    """Drums in a large room."""
    song, kit = start(draw, 80, 125)
    rock(song, kit)
    song.mix.room, song.mix.room_s = draw.between(0.35, 0.6), draw.timbre(1.0, 2.0)
    return song


def clipped(draw: Draw) -> Song:
    """Drums driven hard into a limiter."""
    song, kit = start(draw, 110, 145)
    house(song, kit)
    song.mix.drive, song.mix.peak_db = draw.timbre(3.0, 8.0), -0.1
    return song


KITS = (
    four_on_the_floor, off_beat_hats, breakbeat, half_time, shuffle, swung_sixteenths, swung_hats, sixteenths, sparse,
    five_four, seven_eight, tempo_step, accelerando, crescendo, decrescendo, level_drop, noise_floor, toms, hall,
    clipped,
)  # fmt: skip
