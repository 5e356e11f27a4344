"""The vocabulary: captions mean what they say, and importing it is cheap."""

import random
import subprocess
import sys

import pytest

from engine.builtin.vocabulary import (
    COLOUR_WORDS,
    COLOURS,
    COMPANION,
    DEFAULT_COLOURS,
    FORMS,
    LEARNT,
    PALETTES,
    STANDS_IN,
    Meaning,
    caption_for,
    random_caption,
    random_meaning,
    reworded,
    says_something,
    understand,
)


@pytest.mark.parametrize("form", FORMS)
def test_every_word_of_a_form_means_it(form):
    for word in FORMS[form]:
        assert understand(f"neon cyan and orange {word}") == Meaning(form, "cyan", "orange", "neon")


def test_defaults_cover_every_form_and_colour():
    assert set(DEFAULT_COLOURS) == set(FORMS)
    assert set(COMPANION) == set(COLOURS)


def test_captions_of_the_grammar_mean_what_they_were_made_from():
    rng = random.Random(0)
    for _ in range(2000):
        meaning = random_meaning(rng, rng.choice(list(FORMS)))
        caption = caption_for(meaning, rng)
        assert understand(caption) == meaning, caption


@pytest.mark.parametrize("caption", ["grid, neon", "neon grid", "neon, grid, 8k", "cinematic, grid, electric"])
def test_mood_and_form_are_understood_in_any_order_with_commas_or_without(caption):
    assert understand(caption) == Meaning("grid", *DEFAULT_COLOURS["grid"], "neon")


def test_the_grammar_leaves_out_what_goes_without_saying_and_orders_words_freely():
    rng = random.Random(2)
    own = Meaning("grid", *DEFAULT_COLOURS["grid"], "neon")
    companion = Meaning("grid", "red", COMPANION["red"], "neon")
    said = [caption_for(own, rng) for _ in range(2000)]
    assert sum("magenta" not in caption for caption in said) > 1000
    assert any("synthwave, neon" in caption for caption in said)
    assert any("neon, synthwave" in caption for caption in said)
    assert sum(COMPANION["red"] not in caption_for(companion, rng) for _ in range(1000)) > 500


@pytest.mark.parametrize("name", PALETTES)
def test_a_palette_stands_for_two_colours_and_a_mood(name):
    assert understand(f"{name} ocean") == Meaning("ocean", *PALETTES[name])


def test_extra_words_are_understood_anywhere_in_a_caption():
    assert understand("sparse smoke, vast and centred") == Meaning(
        "smoke", "grey", "white", "plain", "sparse", "vast", "centred"
    )


@pytest.mark.parametrize("caption", ["", "zzz", "a photograph of an astronaut"])
def test_unknown_words_fall_back_to_a_whole_meaning(caption):
    assert understand(caption) == understand("nebula")


def test_what_is_known_of_a_caption():
    for known in ("crimson", "a neon cat", "deep sea", "huge", "tunnel"):
        assert says_something(known), known
    for unknown in ("", "a cat", "skyfire", "an astronaut, 8k"):
        assert not says_something(unknown), unknown


@pytest.mark.parametrize("colour", COLOURS)
def test_every_word_of_a_colour_means_it(colour):
    for word in COLOUR_WORDS[colour]:
        assert understand(f"{word} and red ocean").first == colour, word


def test_a_form_that_is_not_taught_has_one_that_stands_in_and_is_named_for_it_now_and_then():
    assert set(STANDS_IN) == set(FORMS) - set(LEARNT)
    assert set(STANDS_IN.values()) <= set(LEARNT)
    rng = random.Random(4)
    told = [understand(reworded("neon red and blue rings", rng)) for _ in range(400)]
    assert {m.form for m in told} == {"rings", "tunnel", "ripples"}
    assert 10 < sum(m.form != "rings" for m in told) < 60
    assert {(m.first, m.second, m.mood) for m in told} == {("red", "blue", "neon")}


def test_one_colour_gets_a_companion_and_grey_has_two_spellings():
    assert understand("red ocean") == Meaning("ocean", "red", "orange", "plain")
    assert understand("gray and red smoke") == understand("grey and red smoke")


def test_training_captions_are_repeatable_and_sometimes_empty():
    first, again = ([random_caption(random.Random(5)) for _ in range(3)] for _ in range(2))
    assert first == again
    rng = random.Random(1)
    many = [random_caption(rng) for _ in range(1000)]
    assert 60 < sum(c == "" for c in many) < 150


def test_importing_the_package_and_its_words_loads_neither_torch_nor_the_painter():
    code = (
        "import sys, engine.builtin, engine.builtin.vocabulary\n"
        "heavy = {'torch', 'diffusers', 'engine.builtin.painter'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert engine.builtin.WEIGHTS.name == 'weights'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
