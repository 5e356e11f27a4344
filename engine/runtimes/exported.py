"""What an exported model is to a player without torch: its facts, and its texts' embeddings."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from engine.errors import OutOfMemory
from engine.prompts import PromptSpace
from engine.runtimes.facts import Facts, TextEncoder
from engine.runtimes.providers import providers_for
from engine.runtimes.session import Session
from engine.runtimes.store import Store
from engine.runtimes.task import MODEL

__all__ = ["ExportedModel", "first_line", "read_model"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """What every picture needs, once it has been exported."""

    facts: Facts
    prompts: PromptSpace


def read_model(store: Store, threads: int | None) -> ExportedModel | None:
    """Read what was exported of a model; None where nothing is, or nothing that can be used, which is logged.

    Raises
    ------
    OutOfMemory
        If there is not enough memory for the text encoder.
    """
    content, graph = store.read_facts(), store.read(MODEL)
    if content is None or graph is None:
        return None
    try:
        # A text is encoded once and kept; the CPU is fast enough for it, and always there.
        encode = TextEncoder(content["tokenizers"], Session(graph, providers_for("cpu"), threads))
        facts = Facts.of(content)
    except OutOfMemory:
        raise
    except Exception as error:
        log.warning("what was exported of the model cannot be used: %s", first_line(error))
        return None
    return ExportedModel(facts, PromptSpace(encode, zero_empty=facts.zero_empty))


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, at most 300 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
