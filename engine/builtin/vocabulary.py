"""The words the built-in model knows, and the grammar of the captions it was trained on (no torch)."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

FORMS: dict[str, tuple[str, ...]] = {
    "nebula": ("nebula", "cosmic cloud", "stardust", "space", "cosmos"),
    "galaxy": ("galaxy", "spiral galaxy", "milky way", "stars", "universe"),
    "aurora": ("aurora", "northern lights", "light curtains", "polar lights"),
    "smoke": ("smoke", "ink", "clouds", "mist", "fog", "haze", "steam"),
    "silk": ("silk", "liquid silk", "cloth", "folds"),
    "tunnel": ("tunnel", "wormhole", "vortex"),
    "ripples": ("ripples", "water rings", "pond"),
    "flower": ("flower", "mandala", "lotus", "rose", "blossom", "bloom"),
    "mountains": ("mountains", "landscape", "ridges", "hills", "valley", "mountain"),
    "lava": ("lava lamp", "blobs", "metaballs", "lava", "magma", "bubbles", "liquid"),
    "lightning": ("lightning", "electric arcs", "filaments", "storm", "thunder", "electricity"),
    "crystal": ("crystals", "stained glass", "cells"),
    "ocean": ("ocean", "sea", "waves", "water", "seascape", "sunrise"),
    "fire": ("fire", "flames", "inferno", "flame", "blaze", "burning"),
    "eclipse": ("eclipse", "solar eclipse", "corona", "black hole", "moon", "planet"),
    "marble": ("marble", "agate", "geode"),
    "caustics": ("caustics", "pool light", "underwater light"),
    "metal": ("liquid metal", "chrome", "mercury"),
    "oil": ("oil film", "iridescence", "soap film"),
    "coral": ("coral", "labyrinth", "reaction diffusion"),
    "dunes": ("dunes", "desert", "sand"),
    "plasma": ("plasma", "plasma globe", "energy"),
    "rings": ("rings", "concentric circles", "target", "circles", "orbits", "hypnotic"),
    "starburst": ("starburst", "rays", "sunbeams", "sun", "star", "explosion", "lasers", "supernova"),
    "grid": ("grid", "synthwave", "perspective grid", "retro", "outrun", "vaporwave"),
    "city": ("city", "skyline", "city lights"),
    "kaleidoscope": ("kaleidoscope", "rosette"),
    "circuit": ("circuit", "truchet", "maze"),
    "glitch": ("glitch", "scan lines", "broken signal"),
    "fractal": ("fractal", "julia set"),
}
"""Form -> the words that call it; the first is the one to show."""

LEARNT = (
    "nebula", "galaxy", "aurora", "smoke", "flower", "mountains", "lava", "lightning", "ocean", "fire", "eclipse",
    "starburst", "rings", "grid",
)  # fmt: skip
"""The forms the shipped network was taught; the painter alone draws the others (`--model painter`)."""

STANDS_IN: dict[str, str] = {
    "silk": "aurora", "tunnel": "rings", "ripples": "rings", "crystal": "starburst", "marble": "smoke",
    "caustics": "ocean", "metal": "lava", "oil": "lava", "coral": "lava", "dunes": "mountains", "plasma": "lightning",
    "city": "grid", "kaleidoscope": "flower", "circuit": "lightning", "glitch": "grid", "fractal": "flower",
}  # fmt: skip
"""The taught form that the network draws for one it was not taught."""

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.92, 0.07, 0.09),
    "orange": (1.0, 0.42, 0.05),
    "yellow": (1.0, 0.84, 0.12),
    "green": (0.10, 0.75, 0.22),
    "teal": (0.02, 0.52, 0.44),
    "cyan": (0.12, 0.86, 1.0),
    "blue": (0.07, 0.25, 1.0),
    "indigo": (0.22, 0.10, 0.75),
    "purple": (0.52, 0.12, 0.88),
    "magenta": (0.95, 0.08, 0.66),
    "pink": (1.0, 0.45, 0.65),
    "gold": (0.95, 0.66, 0.18),
    "white": (0.96, 0.95, 0.95),
    "black": (0.05, 0.05, 0.07),
    "grey": (0.42, 0.49, 0.60),
    "brown": (0.50, 0.28, 0.13),
}
"""Colour word -> red, green, blue in 0..1."""

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "orange": ("orange", "amber", "tangerine"),
    "yellow": ("yellow", "lemon"),
    "green": ("green", "emerald", "lime"),
    "teal": ("teal", "turquoise", "petrol"),
    "cyan": ("cyan", "aqua"),
    "blue": ("blue", "azure", "cobalt", "sapphire"),
    "indigo": ("indigo", "navy"),
    "purple": ("purple", "violet", "lavender"),
    "magenta": ("magenta", "fuchsia"),
    "pink": ("pink", "salmon"),
    "gold": ("gold", "golden", "brass"),
    "white": ("white", "ivory"),
    "black": ("black", "ebony"),
    "grey": ("grey", "gray", "silver", "steel"),
    "brown": ("brown", "bronze", "copper", "rust"),
}
"""Colour -> the words that call it."""

MOODS = ("plain", "neon", "pastel", "dark")
MOOD_WORDS: dict[str, tuple[str, ...]] = {
    "neon": ("neon", "glowing", "electric", "bright", "vivid", "luminous"),
    "pastel": ("pastel", "soft", "pale", "dreamy"),
    "dark": ("dark", "gloomy", "moody", "shadowy"),
}
PALETTES: dict[str, tuple[str, str, str]] = {
    "gold leaf": ("gold", "brown", "plain"),
    "infrared": ("red", "magenta", "neon"),
    "deep sea": ("teal", "indigo", "dark"),
    "noir": ("white", "grey", "dark"),
    "sunset": ("orange", "purple", "plain"),
    "glacier": ("cyan", "white", "pastel"),
    "acid": ("green", "yellow", "neon"),
    "candy": ("pink", "cyan", "pastel"),
    "cyberpunk": ("magenta", "cyan", "neon"),
    "autumn": ("orange", "brown", "plain"),
    "forest": ("green", "brown", "dark"),
    "royal": ("purple", "gold", "plain"),
}
"""Name of a palette -> its first and second colour and its mood."""

DENSITY_WORDS: dict[str, tuple[str, ...]] = {"sparse": ("sparse", "airy"), "dense": ("dense", "rich")}
"""How much of the picture is lit."""
SCALE_WORDS: dict[str, tuple[str, ...]] = {"fine": ("fine", "delicate"), "vast": ("vast", "huge")}
"""How large the structures are."""
PLACE_WORDS: dict[str, tuple[str, ...]] = {"centred": ("centred", "centered", "radial"), "framing": ("framing",)}
"""Where the light gathers: around the middle, or along the edges."""

DEFAULT_COLOURS: dict[str, tuple[str, str]] = {
    "nebula": ("purple", "cyan"),
    "galaxy": ("blue", "gold"),
    "aurora": ("green", "purple"),
    "smoke": ("grey", "white"),
    "silk": ("red", "gold"),
    "tunnel": ("blue", "magenta"),
    "ripples": ("teal", "white"),
    "flower": ("magenta", "yellow"),
    "mountains": ("indigo", "orange"),
    "lava": ("purple", "orange"),
    "lightning": ("indigo", "cyan"),
    "crystal": ("blue", "gold"),
    "ocean": ("teal", "gold"),
    "fire": ("red", "yellow"),
    "eclipse": ("orange", "white"),
    "marble": ("indigo", "gold"),
    "caustics": ("cyan", "teal"),
    "metal": ("grey", "blue"),
    "oil": ("purple", "green"),
    "coral": ("red", "pink"),
    "dunes": ("orange", "purple"),
    "plasma": ("magenta", "blue"),
    "rings": ("cyan", "purple"),
    "starburst": ("orange", "yellow"),
    "grid": ("magenta", "cyan"),
    "city": ("indigo", "gold"),
    "kaleidoscope": ("purple", "gold"),
    "circuit": ("green", "cyan"),
    "glitch": ("red", "cyan"),
    "fractal": ("blue", "pink"),
}
COMPANION: dict[str, str] = {
    "red": "orange", "orange": "yellow", "yellow": "orange", "green": "cyan", "teal": "cyan", "cyan": "blue",
    "blue": "cyan", "indigo": "purple", "purple": "magenta", "magenta": "pink", "pink": "white", "gold": "white",
    "white": "grey", "black": "grey", "grey": "white", "brown": "gold",
}  # fmt: skip
"""The second colour of a caption that names only one."""
DEFAULT_FORM = "nebula"

_PREFIXES = ("", "", "", "", "a", "the", "abstract", "a picture of", "a photo of", "visuals of", "beautiful")
_FILLERS = ("highly detailed", "cinematic", "8k", "digital art", "volumetric", "masterpiece", "trending")
"""What people add to prompts out of habit; it asks for nothing here."""
_SUFFIXES = ("", "", "", "", "", "at night", "on stage", "for a concert", "4k", "moving slowly")


@dataclass(frozen=True)
class Meaning:
    """What a caption asks for, in vocabulary keys; an empty string where it asks for nothing special."""

    form: str
    first: str
    second: str
    mood: str = "plain"
    density: str = ""
    scale: str = ""
    place: str = ""


def _lookup(words: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {word: key for key, spellings in words.items() for word in (key, *spellings)}


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    # Longest first, so that "spiral galaxy" is not read as "galaxy" with a stray word.
    return re.compile(r"\b(" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b")


_FORMS, _MOODS = _lookup(FORMS), {word: mood for mood, words in MOOD_WORDS.items() for word in words}
_EXTRAS = {
    "density": _lookup(DENSITY_WORDS),
    "scale": _lookup(SCALE_WORDS),
    "place": _lookup(PLACE_WORDS),
}
_COLOURS = _lookup(COLOUR_WORDS)
_FORM_PATTERN, _COLOUR_PATTERN = _pattern(_FORMS), _pattern(_COLOURS)
_MOOD_PATTERN, _PALETTE_PATTERN = _pattern(_MOODS), _pattern(PALETTES)
_EXTRA_PATTERNS = {name: _pattern(words) for name, words in _EXTRAS.items()}


def understand(caption: str) -> Meaning:
    """Read any caption; words it does not know are passed over, and what is missing has a default.

    Examples
    --------
    >>> understand("neon cyan and orange flower")
    Meaning(form='flower', first='cyan', second='orange', mood='neon', density='', scale='', place='')
    >>> understand("noir smoke").first
    'white'
    >>> understand("").form
    'nebula'
    """
    text = caption.lower()
    # Palettes first: "deep sea" is a palette, the sea that is left a form.
    palette = _PALETTE_PATTERN.search(text)
    if palette:
        text = text[: palette.start()] + " " + text[palette.end() :]
    form_hit = _FORM_PATTERN.search(text)
    form = _FORMS[form_hit.group(1)] if form_hit else DEFAULT_FORM
    if form_hit:
        text = text[: form_hit.start()] + " " + text[form_hit.end() :]
    first, second, mood = PALETTES[palette.group(1)] if palette else (*DEFAULT_COLOURS[form], "plain")
    colours = [_COLOURS[word] for word in _COLOUR_PATTERN.findall(text)]
    if len(colours) == 1:
        first, second = colours[0], COMPANION[colours[0]]
    elif colours:
        first, second = colours[:2]
    if mood_hit := _MOOD_PATTERN.search(text):
        mood = _MOODS[mood_hit.group(1)]
    hits = {name: pattern.search(text) for name, pattern in _EXTRA_PATTERNS.items()}
    extras = {name: _EXTRAS[name][hit.group(1)] for name, hit in hits.items() if hit}
    return Meaning(form, first, second, mood, **extras)


def says_something(caption: str) -> bool:
    """Whether a caption holds any word that is known.

    Examples
    --------
    >>> says_something("a crimson cat"), says_something("a cat")
    (True, False)
    """
    patterns = (_FORM_PATTERN, _COLOUR_PATTERN, _MOOD_PATTERN, _PALETTE_PATTERN, *_EXTRA_PATTERNS.values())
    return any(pattern.search(caption.lower()) for pattern in patterns)


def caption_for(meaning: Meaning, rng: random.Random, called: str | None = None) -> str:
    """A caption that says ``meaning``, in one of the grammar's orders and synonyms.

    Colours that go without saying (the form's own, or the companion of the first) are often left out. ``called`` names
    a form whose words are used for the meaning's own.
    """

    def spelt(words: tuple[str, ...]) -> str:
        return words[0] if rng.random() < 0.4 else rng.choice(words)

    form = spelt(FORMS[called or meaning.form])
    mood = spelt(MOOD_WORDS.get(meaning.mood, ("",)))
    pair = (meaning.first, meaning.second)
    palettes = [name for name, palette in PALETTES.items() if palette == (*pair, meaning.mood)]
    first, second = (spelt(COLOUR_WORDS[colour]) for colour in pair)
    colours = first + rng.choice((" and ", " and ", " ", ", ", " with ")) + second
    if palettes and rng.random() < 0.7:
        mood, colours = "", palettes[0]
    elif pair == DEFAULT_COLOURS[meaning.form] and rng.random() < 0.7:
        colours = ""
    elif meaning.second == COMPANION[meaning.first] and rng.random() < 0.7:
        colours = first
    words = {"density": DENSITY_WORDS, "scale": SCALE_WORDS, "place": PLACE_WORDS}
    asked = [(words[name], getattr(meaning, name)) for name in words if getattr(meaning, name)]
    extras = [rng.choice(spellings[key]) for spellings, key in asked]
    rng.shuffle(extras)
    extra = " ".join(extras)
    order = rng.random()
    if order < 0.5:
        core = f"{extra} {mood} {colours} {form}" if rng.random() < 0.7 else f"{mood} {colours} {extra} {form}"
    elif order < 0.65 and colours:
        core = f"{extra} {mood} {form} in {colours}"
    else:
        parts = [form, colours, mood, extra, *rng.sample(_FILLERS, rng.choice((0, 0, 0, 1, 2)))]
        if order > 0.8:
            rng.shuffle(parts)
        core = ", ".join(part for part in parts if part)
    text = f"{rng.choice(_PREFIXES)} {core} {rng.choice(_SUFFIXES)}"
    return " ".join(text.split())


def random_meaning(rng: random.Random, form: str | None = None) -> Meaning:
    """A meaning to train or test on: any colours, plain half of the time, seldom more than one extra."""
    form = form or rng.choice(LEARNT)
    first, second, mood = rng.choice(list(COLOURS)), rng.choice(list(COLOURS)), rng.choice(("plain", *MOODS, "plain"))
    if rng.random() < 0.12:
        first, second, mood = rng.choice(list(PALETTES.values()))
    extras = {
        name: rng.choice(list(words))
        for name, words in (("density", DENSITY_WORDS), ("scale", SCALE_WORDS), ("place", PLACE_WORDS))
        if rng.random() < 0.12
    }
    return Meaning(form, first, second, mood, **extras)


def random_caption(rng: random.Random, form: str | None = None) -> str:
    """A training caption: usually complete; sometimes with colours left out or unknown words; one in ten empty."""
    meaning = random_meaning(rng, form)
    kind = rng.random()
    if kind < 0.10:
        return ""
    if kind < 0.13:
        return _nonsense(rng)
    if kind < 0.20:
        first, second = DEFAULT_COLOURS[meaning.form]
        meaning = replace(meaning, first=first, second=second)
    elif kind < 0.28:
        meaning = replace(meaning, second=COMPANION[meaning.first])
    text = caption_for(meaning, rng)
    # Few of them, or what is said after them lies beyond the tokens that are read.
    return f"{_nonsense(rng, (1, 1, 2))} {text}" if kind > 0.96 else text


def reworded(caption: str, rng: random.Random, share: float = 0.75, untaught: float = 0.1) -> str:
    """``caption``, or for a ``share`` of the calls another that means the same; an empty one stays empty.

    A share of ``untaught`` of these names another form, for which the network draws the one that is meant.
    """
    if not caption or rng.random() >= share:
        return caption
    meaning = understand(caption)
    others = [other for other, form in STANDS_IN.items() if form == meaning.form]
    called = rng.choice(others) if others and rng.random() < untaught else None
    return caption_for(meaning, rng, called)


def _nonsense(rng: random.Random, counts: tuple[int, ...] = (1, 1, 2, 2, 3, 4, 5, 7)) -> str:
    letters, words = "abcdefghijklmnopqrstuvwxyz", rng.choice(counts)
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(words))
