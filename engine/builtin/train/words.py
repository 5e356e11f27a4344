"""New words for a trained text encoder: the tokenizer grows at its end, and what it knew stays as it was."""

import json
from pathlib import Path

import torch

from engine.builtin.vocabulary import (
    COLOUR_WORDS,
    DENSITY_WORDS,
    FORMS,
    MOOD_WORDS,
    PALETTES,
    PLACE_WORDS,
    SCALE_WORDS,
)


def vocabulary_words() -> dict[str, str]:
    """Every single word that captions are made of, and the word that a new one begins as: a synonym, or itself."""
    found: dict[str, str] = {}
    for words in (FORMS, COLOUR_WORDS, MOOD_WORDS, DENSITY_WORDS, SCALE_WORDS, PLACE_WORDS):
        for first, *others in words.values():
            for word in (word for phrase in (first, *others) for word in phrase.split()):
                found.setdefault(word, first.split()[-1])
    return {word: word for name in PALETTES for word in name.split()} | found


def grow_tokenizer(folder: Path, words: dict[str, str]) -> list[int]:
    """Give each of ``words`` that is cut in pieces a token of its own.

    Appended merges come last, so that other words are cut as before but where they share pieces with a new one.

    Parameters
    ----------
    folder : Path
    words : dict
        Word -> the word whose meaning it begins with, where that has a token.

    Returns
    -------
    For each token of the grown vocabulary its number in the old one, or that of the word it begins as; -1 where it is
    new altogether.
    """
    from transformers import CLIPTokenizer

    old = json.loads((folder / "vocab.json").read_text())
    ordered = sorted(old, key=lambda token: old[token])
    body, special = ordered[:-2], ordered[-2:]
    # The fast form is made from the two files below; an old one would be read in their place.
    (folder / "tokenizer.json").unlink(missing_ok=True)
    # A merge made for one word can take another's pieces apart: usually the second pass finds nothing left.
    for _ in range(4):
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        merges = (folder / "merges.txt").read_text()
        cut = {word: pieces for word in words if len(pieces := tokenizer.tokenize(word)) > 1}
        if not cut:
            break
        for first, *others in cut.values():
            joined = first
            for piece in others:
                if f"\n{joined} {piece}\n" not in merges:
                    merges += f"{joined} {piece}\n"
                joined += piece
                if joined not in body:
                    body.append(joined)
        vocabulary = [*body, *special]
        (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(vocabulary)}, ensure_ascii=False))
        (folder / "merges.txt").write_text(merges)
    begins = {f"{word}</w>": f"{like}</w>" for word, like in words.items()}
    return [old.get(token, old.get(begins.get(token, ""), -1)) for token in [*body, *special]]


@torch.no_grad()
def grow_embeddings(state: dict[str, torch.Tensor], origin: list[int], spread: float = 0.5) -> dict[str, torch.Tensor]:
    """A text encoder's weights with a row for each token of a grown vocabulary; new rows start at random."""
    grown = dict(state)
    for key, table in state.items():
        if key.endswith("token_embedding.weight"):
            fresh = spread * torch.randn(len(origin), table.shape[1], generator=torch.Generator().manual_seed(0))
            rows = [k for k, source in enumerate(origin) if source >= 0]
            fresh[rows] = table[[origin[k] for k in rows]].float()
            grown[key] = fresh
    return grown
