"""The built-in scenes: they load, fit the model, look different, move, and react to sound by bends alone."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from scenes import Patch, library, load

FAMILIES = {
    "drums": (
        "onset",
        "onset_strength",
        "novelty",
        "flux",
        "kick",
        "kick_strength",
        "snare",
        "snare_strength",
        "hat",
        "hat_strength",
    ),
    "loudness": ("rms", "peak", "loudness"),
    "brightness": ("centroid", "brightness"),
}
AT_ITS_HITS = {"drums": "onset_strength", "loudness": "loudness", "brightness": "brightness"}
MOMENTS = 8
LEAST_CHANGE = 6.0
AFTER_HIT_S = 0.02


def moments(frames: np.ndarray, feature: str) -> np.ndarray:
    """Times of the highest values of a feature, at least a second apart: hits of that feature."""
    found: list[float] = []
    for hop in np.argsort(-frames[feature], kind="stable"):
        time_s = float(frames["time_s"][hop])
        if time_s > 1 and all(abs(time_s - other) > 1 for other in found):
            found.append(time_s)
        if len(found) == MOMENTS:
            break
    return np.sort(found) + AFTER_HIT_S


def at_rest(frames: np.ndarray, fields: tuple[str, ...]) -> np.ndarray:
    """The same frames with some features at rest."""
    quiet = frames.copy()
    for field in fields:
        quiet[field] = 0
    return quiet


def specs(scene, frames, times):
    patch, done, found = Patch(scene, start_s=0.0), 0, []
    for time_s in times:
        upto = int(np.searchsorted(frames["time_s"], time_s, side="right"))
        found.append(patch.advance(frames[done:upto], {}, float(time_s)))
        done = upto
    return found


def pixels(generator, spec) -> np.ndarray:
    return generator.render(spec).pixels.astype(np.int16)


def moved_bends(scene) -> set[str]:
    return {route.to.split("/")[0] for route in scene.routes}


def test_there_are_at_least_four_and_each_is_called_as_its_file():
    assert len(library()) >= 4
    for name in library():
        assert load(name).name == name


@pytest.mark.parametrize("name", library())
def test_a_scene_says_what_it_is_and_moves_at_least_four_bends(name):
    scene = load(name)
    assert scene.description
    assert len(scene.prompts) >= 2
    moved = moved_bends(scene)
    assert len(moved) >= 4
    # A bend that nothing moves must at least change the picture by where it rests.
    still = [entry for entry in scene.bends if entry.name not in moved]
    assert all(entry.set_ for entry in still), [entry.name for entry in still if not entry.set_]


@pytest.mark.parametrize("name", library())
def test_a_scene_knows_only_words_of_the_built_in_model(name):
    from engine.builtin.vocabulary import COLOURS, FORMS, MOOD_WORDS

    known = {word for words in (*FORMS.values(), *MOOD_WORDS.values()) for phrase in words for word in phrase.split()}
    for prompt in load(name).prompts:
        assert set(prompt.text.replace(",", "").split()) <= known | set(COLOURS) | {"and", "with", "in"}, prompt.text


@pytest.mark.parametrize("name", library())
def test_ten_pictures_of_a_scene_are_ten_different_pictures(name, builtin, demo_frames):
    scene = load(name)
    builtin.prepare(prompts=[p.text for p in scene.prompts], plans=[scene.plan])
    made = [pixels(builtin, spec) for spec in specs(scene, demo_frames, 10 + np.arange(10) / 30)]
    width, height = builtin.size
    assert all(picture.shape == (height, width, 3) for picture in made)
    assert len({picture.tobytes() for picture in made}) == 10


def test_scenes_look_different_from_each_other(builtin, demo_frames):
    at_rest_frames = demo_frames[:1]
    pictures = {name: pixels(builtin, specs(load(name), at_rest_frames, [0.1])[0]) for name in library()}
    for one, other in itertools.combinations(pictures, 2):
        assert np.abs(pictures[one] - pictures[other]).mean() > 15, (one, other)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", library())
def test_bends_alone_make_a_scene_react(name, family, builtin, demo_frames):
    scene = load(name)
    times = moments(demo_frames, AT_ITS_HITS[family])
    heard = specs(scene, demo_frames, times)
    deaf = specs(scene, at_rest(demo_frames, FAMILIES[family]), times)
    # Noise, prompts and feedback stay as heard: what is left is the bends.
    changes = [
        np.abs(pixels(builtin, spec) - pixels(builtin, replace(spec, values=other.values))).mean()
        for spec, other in zip(heard, deaf, strict=True)
    ]
    assert np.mean(changes) >= LEAST_CHANGE


@pytest.mark.parametrize("name", library())
def test_each_drum_has_a_bend_of_its_own_and_any_hit_moves_the_scene_too(name):
    to = {route.source: route.to for route in load(name).routes if route.mode == "hit"}
    drums = [to[f"{drum}_strength"] for drum in ("kick", "snare", "hat")]
    assert len(set(drums)) == 3
    assert "onset_strength" in to


@pytest.mark.parametrize("name", library())
def test_every_bend_with_a_route_moves_with_the_music(name, demo_frames):
    scene = load(name)
    found = specs(scene, demo_frames, 5 + np.arange(300) / 30)
    for entry in scene.bends:
        if entry.name not in moved_bends(scene):
            continue
        slots = [i for i, (address, _) in enumerate(scene.plan.slots) if address.startswith(entry.name + "/")]
        seen = [tuple(spec.values[i] for i in slots) for spec in found]
        assert sum(a != b for a, b in itertools.pairwise(seen)) >= 0.95 * (len(seen) - 1), entry.name


@pytest.mark.parametrize("name", library())
def test_prompts_ask_for_forms_that_the_built_in_model_was_taught(name):
    from engine.builtin.vocabulary import FORMS, LEARNT, understand

    taught = {word for form in LEARNT for word in FORMS[form]}
    for prompt in load(name).prompts:
        assert any(word in prompt.text for word in taught), f"{prompt.text!r} names no form"
        assert understand(prompt.text).form in LEARNT
