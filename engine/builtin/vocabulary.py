"""The words the built-in model knows, and the grammar of the captions it was trained on (no torch)."""

import random
import re
from dataclasses import dataclass

FORMS: dict[str, tuple[str, ...]] = {
    "nebula": ("nebula", "cosmic cloud", "stardust"),
    "galaxy": ("galaxy", "spiral galaxy", "milky way"),
    "aurora": ("aurora", "northern lights", "light curtains"),
    "smoke": ("smoke", "ink", "clouds", "mist"),
    "silk": ("silk", "liquid silk", "cloth", "folds"),
    "tunnel": ("tunnel", "wormhole", "vortex"),
    "ripples": ("ripples", "rings", "water rings"),
    "flower": ("flower", "mandala", "lotus"),
    "mountains": ("mountains", "landscape", "dunes"),
    "lava": ("lava lamp", "blobs", "metaballs", "plasma"),
    "lightning": ("lightning", "electric arcs", "filaments", "veins"),
    "crystal": ("crystals", "stained glass", "cells"),
    "ocean": ("ocean", "sea", "waves"),
    "fire": ("fire", "flames", "inferno"),
    "eclipse": ("eclipse", "black sun", "corona"),
}
"""Form -> the words that call it; the first is the one to show."""

LEARNT = (
    "nebula", "galaxy", "aurora", "smoke", "flower", "mountains", "lava", "lightning", "ocean", "fire", "eclipse",
)  # fmt: skip
"""The forms the shipped network was taught; the painter alone draws the others (`--model painter`)."""

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.92, 0.07, 0.09),
    "orange": (1.0, 0.42, 0.05),
    "yellow": (1.0, 0.84, 0.12),
    "green": (0.10, 0.75, 0.22),
    "teal": (0.03, 0.55, 0.52),
    "cyan": (0.12, 0.86, 1.0),
    "blue": (0.07, 0.25, 1.0),
    "indigo": (0.22, 0.10, 0.75),
    "purple": (0.52, 0.12, 0.88),
    "magenta": (0.95, 0.08, 0.66),
    "pink": (1.0, 0.45, 0.65),
    "gold": (0.95, 0.66, 0.18),
    "white": (0.95, 0.95, 0.97),
    "black": (0.05, 0.05, 0.07),
    "grey": (0.45, 0.47, 0.52),
    "brown": (0.50, 0.28, 0.13),
}
"""Colour word -> red, green, blue in 0..1."""

MOODS = ("plain", "neon", "pastel", "dark")
MOOD_WORDS: dict[str, tuple[str, ...]] = {
    "neon": ("neon", "glowing", "electric"),
    "pastel": ("pastel", "soft", "pale"),
    "dark": ("dark", "gloomy", "night"),
}

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
}
COMPANION: dict[str, str] = {
    "red": "orange", "orange": "yellow", "yellow": "orange", "green": "cyan", "teal": "cyan", "cyan": "blue",
    "blue": "cyan", "indigo": "purple", "purple": "magenta", "magenta": "pink", "pink": "white", "gold": "white",
    "white": "grey", "black": "grey", "grey": "white", "brown": "gold",
}  # fmt: skip
"""The second colour of a caption that names only one."""
DEFAULT_FORM = "nebula"

_PREFIXES = ("", "", "", "", "a", "the", "abstract", "a picture of", "a photo of", "visuals of", "beautiful")
_SUFFIXES = ("", "", "", "", "", "at night", "on stage", "for a concert", "4k", "moving slowly")


@dataclass(frozen=True)
class Meaning:
    """What a caption asks for, in vocabulary keys."""

    form: str
    first: str
    second: str
    mood: str


_LOOKUP = {word: form for form, words in FORMS.items() for word in words}
_LOOKUP |= {form: form for form in FORMS}
_MOOD_LOOKUP = {word: mood for mood, words in MOOD_WORDS.items() for word in words}


def _pattern(words) -> re.Pattern:
    # Longest first, so that "spiral galaxy" is not read as "galaxy" with a stray word.
    return re.compile(r"\b(" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b")


_FORM_PATTERN, _COLOUR_PATTERN = _pattern(_LOOKUP), _pattern([*COLOURS, "gray"])
_MOOD_PATTERN = _pattern([w for w in _MOOD_LOOKUP if w != "night"])


def understand(caption: str) -> Meaning:
    """Read any caption; words it does not know are passed over, and what is missing has a default.

    Examples
    --------
    >>> understand("neon cyan and orange flower")
    Meaning(form='flower', first='cyan', second='orange', mood='neon')
    >>> understand("").form
    'nebula'
    """
    text = caption.lower()
    form_hit = _FORM_PATTERN.search(text)
    form = _LOOKUP[form_hit.group(1)] if form_hit else DEFAULT_FORM
    if form_hit:
        text = text[: form_hit.start()] + " " + text[form_hit.end() :]
    mood_hit = _MOOD_PATTERN.search(text)
    mood = _MOOD_LOOKUP[mood_hit.group(1)] if mood_hit else "plain"
    colours = [c.replace("gray", "grey") for c in _COLOUR_PATTERN.findall(text)]
    if not colours:
        first, second = DEFAULT_COLOURS[form]
    elif len(colours) == 1:
        first, second = colours[0], COMPANION[colours[0]]
    else:
        first, second = colours[:2]
    return Meaning(form, first, second, mood)


def caption_for(meaning: Meaning, rng: random.Random) -> str:
    """A caption that says ``meaning``, in one of the grammar's orders and synonyms."""
    form = rng.choice((FORMS[meaning.form][0], *FORMS[meaning.form]))
    mood = "" if meaning.mood == "plain" else rng.choice(MOOD_WORDS[meaning.mood][:2])
    joint = rng.choice((" and ", " and ", " ", ", ", " with "))
    colours = f"{meaning.first}{joint}{meaning.second}"
    order = rng.random()
    if order < 0.6:
        core = f"{mood} {colours} {form}"
    elif order < 0.8:
        core = f"{mood} {form} in {colours}"
    else:
        core = f"{form}, {colours}" + (f", {mood}" if mood else "")
    text = f"{rng.choice(_PREFIXES)} {core} {rng.choice(_SUFFIXES)}"
    return " ".join(text.split())


def random_caption(rng: random.Random, form: str | None = None) -> str:
    """A training caption: usually complete; sometimes with colours left out, unknown words, or empty."""
    form = form or rng.choice(LEARNT)
    names = list(COLOURS)
    mood = rng.choice(("plain", "plain", "plain", "neon", "pastel", "dark"))
    kind = rng.random()
    if kind < 0.05:
        return ""
    if kind < 0.08:
        return _nonsense(rng)
    if kind < 0.14:
        return " ".join(w for w in (rng.choice(MOOD_WORDS.get(mood, ("",))), rng.choice(FORMS[form])) if w)
    if kind < 0.22:
        return " ".join(
            w for w in (rng.choice(MOOD_WORDS.get(mood, ("",))), rng.choice(names), rng.choice(FORMS[form])) if w
        )
    text = caption_for(Meaning(form, rng.choice(names), rng.choice(names), mood), rng)
    return f"{_nonsense(rng)} {text}" if kind < 0.26 else text


def _nonsense(rng: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(rng.randint(1, 3)))
