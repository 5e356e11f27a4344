"""Prompt space: encoded once, blended smoothly."""

from __future__ import annotations

import pytest
import torch

from bentlight.errors import BadInput
from engine.prompts import PromptSpace


@pytest.fixture
def space(tiny_folder) -> PromptSpace:
    from transformers import CLIPTextModel, CLIPTokenizer

    encoder = CLIPTextModel.from_pretrained(str(tiny_folder / "text_encoder")).eval()
    return PromptSpace(CLIPTokenizer.from_pretrained(str(tiny_folder / "tokenizer")), encoder, limit=3)


def test_a_text_is_encoded_once(space: PromptSpace) -> None:
    first = space.encode("blue galaxy")
    assert space.encode("blue galaxy") is first
    space.blend((("blue galaxy", 0.5), ("fire", 0.5)))
    for step in range(20):
        space.blend((("blue galaxy", 1.0), ("fire", step / 20)))
    assert space.encodings == 2


def test_no_more_than_the_limit_is_kept(space: PromptSpace) -> None:
    for text in ("a", "b", "c", "d"):
        space.encode(text)
    space.encode("d")
    assert space.encodings == 4
    space.encode("a")
    assert space.encodings == 5


def test_one_text_gives_its_own_embedding_exactly(space: PromptSpace) -> None:
    assert torch.equal(space.blend((("fire", 0.2),)), space.encode("fire"))
    assert torch.equal(space.blend((("smoke", 0.0), ("fire", 3.0))), space.encode("fire"))


def test_only_proportions_matter_and_a_weight_rises_without_a_jump(space: PromptSpace) -> None:
    half = space.blend((("fire", 1.0), ("smoke", 1.0)))
    torch.testing.assert_close(space.blend((("fire", 7.0), ("smoke", 7.0))), half)
    whole = (space.encode("fire") - space.encode("smoke")).norm()
    assert (space.blend((("fire", 1.0), ("smoke", 1e-4))) - space.encode("fire")).norm() < 1e-3 * whole
    torch.testing.assert_close((half - space.encode("fire")).norm(), (half - space.encode("smoke")).norm())


@pytest.mark.parametrize("prompts", [(), (("fire", 0.0),), (("fire", -1.0), ("ice", 2.0)), (("fire", float("nan")),)])
def test_weights_that_mean_nothing_are_refused(space: PromptSpace, prompts: tuple) -> None:
    with pytest.raises(BadInput, match="weights"):
        space.blend(prompts)


def test_long_and_empty_texts_have_the_same_shape(space: PromptSpace) -> None:
    assert space.encode("fire " * 400).shape == space.encode("").shape == (1, 24, 32)
