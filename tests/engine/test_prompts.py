"""Prompt space: encoded once, blended smoothly."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest

from bentlight.errors import BadInput
from engine.prompts import BLENDINGS, PromptSpace
from engine.sphere import slerp


@pytest.fixture
def space(tiny_folder) -> PromptSpace:
    from transformers import CLIPTextModel, CLIPTokenizer

    from engine.text import TextEncoder

    encoder = CLIPTextModel.from_pretrained(str(tiny_folder / "text_encoder")).eval()
    tokenizer = CLIPTokenizer.from_pretrained(str(tiny_folder / "tokenizer"))
    return PromptSpace(TextEncoder([tokenizer], [encoder]), limit=3)


def _drawn(text: str) -> np.ndarray:
    return np.random.default_rng(len(text) * 1000 + ord(text[0])).normal(0.5, 1, (1, 5, 24))


def _far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_a_text_is_encoded_once(space: PromptSpace) -> None:
    first = space.encode("blue galaxy")
    assert space.encode("blue galaxy") is first
    space.blend((("blue galaxy", 0.5), ("fire", 0.5)))
    for step in range(20):
        space.blend((("blue galaxy", 1.0), ("fire", step / 20)))
    assert space.encodings == 2


def test_what_is_known_is_blended_while_a_text_is_encoded() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def encode(text: str) -> np.ndarray:
        if text == "slow smoke":
            begun.set()
            assert may_end.wait(60)
        return _drawn(text)

    space = PromptSpace(encode)
    space.encode("fire")
    space.encode("ice")
    threads = [threading.Thread(target=space.encode, args=("slow smoke",), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    blend = threading.Thread(target=space.blend, args=((("fire", 0.3), ("ice", 0.7)),), daemon=True)
    blend.start()
    blend.join(10)
    waited = blend.is_alive()
    may_end.set()
    for thread in threads:
        thread.join(60)
    assert not waited
    assert space.encodings == 3


def test_no_more_than_the_limit_is_kept(space: PromptSpace) -> None:
    for text in ("a", "b", "c", "d"):
        space.encode(text)
    space.encode("d")
    assert space.encodings == 4
    space.encode("a")
    assert space.encodings == 5


def test_one_text_gives_its_own_embedding_exactly(space: PromptSpace) -> None:
    assert np.array_equal(space.blend((("fire", 0.2),)), space.encode("fire"))
    assert np.array_equal(space.blend((("smoke", 0.0), ("fire", 3.0))), space.encode("fire"))
    assert np.array_equal(space.blend((("fire", 0.2), ("fire", 0.5))), space.encode("fire"))


def test_only_proportions_matter_and_a_weight_rises_without_a_jump(space: PromptSpace) -> None:
    half = space.blend((("fire", 1.0), ("smoke", 1.0)))
    np.testing.assert_allclose(space.blend((("fire", 7.0), ("smoke", 7.0))), half, atol=1e-6)
    assert _far(space.blend((("fire", 1.0), ("smoke", 1e-4))), space.encode("fire")) < 1e-3
    assert _far(half, space.encode("fire")) == pytest.approx(_far(half, space.encode("smoke")), rel=1e-3)


def test_two_texts_give_each_tokens_slerp() -> None:
    space = PromptSpace(_drawn)
    expected = slerp(space.encode("fire"), space.encode("smoke"), 0.3, axis=-1)
    np.testing.assert_allclose(space.blend((("fire", 0.7), ("smoke", 0.3))), expected, atol=1e-6)
    np.testing.assert_allclose(space.blend((("smoke", 0.3), ("fire", 0.7))), expected, atol=1e-5)


def test_the_straight_mean_is_a_choice() -> None:
    space = PromptSpace(_drawn)
    expected = 0.7 * space.encode("fire") + 0.3 * space.encode("smoke")
    np.testing.assert_allclose(space.blend((("fire", 0.7), ("smoke", 0.3)), "lerp"), expected, atol=1e-6)
    with pytest.raises(BadInput, match="slerp, lerp"):
        space.blend((("fire", 1.0),), "cubic")


@pytest.mark.parametrize("blending", BLENDINGS)
def test_weights_that_cross_and_vanish_make_no_jump(blending: str) -> None:
    space = PromptSpace(_drawn)
    texts = [f"{'x' * i}y" for i in range(12)]
    moments = np.linspace(0, 1, 301)
    centres = np.arange(12) / 12
    weights = np.maximum(0, 0.15 - np.abs((moments[:, None] - centres + 0.5) % 1 - 0.5))
    path = []
    for row in weights:
        by_weight = sorted(zip(texts, row.tolist(), strict=True), key=lambda part: -part[1])
        path.append(space.blend(tuple(part for part in by_weight if part[1] > 0), blending))
    strides = [_far(b, a) for a, b in pairwise(path)]
    whole = _far(space.encode(texts[0]), space.encode(texts[1]))
    assert max(strides) < 0.12 * whole
    assert max(strides) < 4 * np.median(strides)


@pytest.mark.parametrize("blending", BLENDINGS)
def test_a_text_without_weight_changes_nothing(blending: str) -> None:
    space = PromptSpace(_drawn)
    three = (("fire", 0.5), ("smoke", 0.3), ("ice", 0.2))
    np.testing.assert_allclose(
        space.blend((*three, ("galaxy", 0.0)), blending), space.blend(three, blending), atol=1e-5
    )
    two = (("fire", 0.5), ("smoke", 0.3))
    np.testing.assert_allclose(space.blend((*two, ("ice", 1e-7)), blending), space.blend(two, blending), atol=1e-5)


@pytest.mark.parametrize("prompts", [(), (("fire", 0.0),), (("fire", -1.0), ("ice", 2.0)), (("fire", float("nan")),)])
def test_weights_that_mean_nothing_are_refused(space: PromptSpace, prompts: tuple) -> None:
    with pytest.raises(BadInput, match="weights"):
        space.blend(prompts)


def test_long_and_empty_texts_have_the_same_shape(space: PromptSpace) -> None:
    assert space.encode("fire " * 400).shape == space.encode("").shape == (1, 24, 32)


def test_an_embedding_kept_under_a_name_stands_for_it(space: PromptSpace) -> None:
    middle = slerp(space.encode("fire"), space.encode("ice"), 0.5, axis=-1)
    before = space.blend((("middle", 0.5), ("smoke", 0.5)))
    space.keep("middle", middle)
    np.testing.assert_array_equal(space.encode("middle"), middle)
    after = space.blend((("middle", 0.5), ("smoke", 0.5)))
    np.testing.assert_array_equal(after, slerp(middle, space.encode("smoke"), 0.5, axis=-1))
    assert not np.array_equal(before, after)
    for number in range(10):
        space.encode(f"text {number}")
    np.testing.assert_array_equal(space.encode("middle"), middle)
    space.keep("middle", space.encode("ice"))
    np.testing.assert_array_equal(space.blend((("middle", 1.0),)), space.encode("ice"))


@pytest.mark.parametrize("wrong", ["narrow", "infinite"])
def test_an_embedding_that_is_none_of_this_model_is_refused(space: PromptSpace, wrong: str) -> None:
    embedding = np.array(space.encode("fire"))
    embedding = embedding[..., :-1] if wrong == "narrow" else embedding * np.inf
    with pytest.raises(BadInput, match="'mine' must be"):
        space.keep("mine", embedding)


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_half_a_character_is_a_question_mark(runtime: str, generator, onnx) -> None:
    player = {"eager": generator, "onnx": onnx}[runtime]
    np.testing.assert_array_equal(player.embedding("a \udc80 b"), player.embedding("a ? b"))


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_a_kept_embedding_is_painted_in_every_runtime(runtime: str, generator, onnx) -> None:
    from engine.spec import FrameSpec

    player = {"eager": generator, "onnx": onnx}[runtime]
    player.keep(f"mine in {runtime}", player.embedding("fire"))
    kept, told = (
        player.render(FrameSpec(prompts=((text, 1.0),), seed=3)).pixels for text in (f"mine in {runtime}", "fire")
    )
    other = player.render(FrameSpec(prompts=(("ice", 1.0),), seed=3)).pixels
    np.testing.assert_array_equal(kept, told)
    assert not np.array_equal(kept, other)
