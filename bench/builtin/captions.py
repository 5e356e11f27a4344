"""Captions to train judges on and to measure with, never the same meanings."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Sequence

from engine.builtin.vocabulary import COLOURS, LEARNT, Meaning, random_caption, understand

__all__ = ["draw_captions", "is_held_out"]

_ONE_IN = 8


def is_held_out(meaning: Meaning) -> bool:
    """Whether a meaning (form, colours, mood) is kept from the judges' training: one in eight, always the same ones."""
    words = f"{meaning.form} {meaning.first} {meaning.second} {meaning.mood}"
    return zlib.crc32(words.encode()) % _ONE_IN == 0


def draw_captions(
    rng: random.Random, count: int, forms: Sequence[str] = LEARNT, *, held_out: bool, every_colour: bool = False
) -> list[str]:
    """Random captions that take turns through ``forms``.

    Parameters
    ----------
    rng : random.Random
    count : int
    forms : sequence of str
    held_out : bool
        Whether to take the meanings that are kept from training, or the others.
    every_colour : bool
        Take turns through the first colours as well, so that none is rare.
    """
    colours, captions = list(COLOURS), []
    for index in range(count):
        form = forms[index % len(forms)]
        # Starting one colour further in each form keeps forms and colours independent in short lists.
        wanted = colours[(index // len(forms) + 5 * (index % len(forms))) % len(colours)]
        for tries in itertools.count():
            caption = random_caption(rng, form)
            meaning = understand(caption)
            right = meaning.form == form and is_held_out(meaning) == held_out
            # A form may have no held-out meaning in some colour; then any colour will do.
            if right and (not every_colour or meaning.first == wanted or tries > 5000):
                captions.append(caption)
                break
    return captions
