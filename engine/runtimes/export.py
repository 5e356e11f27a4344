"""The exporting process: ``python -m engine.runtimes.export``. Graphs are asked for on standard input, one JSON a line.

The first line says which model and where its graphs belong; each further line is a `Task`. Each is answered on standard
output by one line, ``{"error": null}`` or what is wrong in one sentence. The process ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bentlight.errors import BentlightError

NICE = 10
"""How much the process steps back behind the show, from the first graph on that nobody waits for."""


def main() -> None:
    """Answer every line until the input ends."""
    # What a library prints, from Python or from C, is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    asked = json.loads(sys.stdin.readline())
    # Line by line as they come: iterating over the file itself would read ahead.
    for answer in _answers(asked, iter(sys.stdin.readline, "")):
        print(json.dumps({"error": answer}), file=answers, flush=True)


def _answers(asked: dict[str, str], lines: Iterator[str]) -> Iterator[str | None]:
    """Export what each line asks for; yields what went wrong, or None."""
    import torch

    from engine.eager import EagerGenerator
    from engine.runtimes.store import Store
    from engine.runtimes.task import Task
    from engine.runtimes.trace import export

    torch.set_num_threads(1)
    store = Store(Path(asked["folder"]))
    model = EagerGenerator.open(
        asked["model"], "cpu", "float32", None, asked.get("lora"), asked.get("tiny_autoencoder")
    )
    stepped_back = False
    for line in lines:
        try:
            wanted = json.loads(line)
            if not wanted["hurried"] and not stepped_back:
                stepped_back = True
                with contextlib.suppress(AttributeError, OSError):
                    os.nice(NICE)
            export(model, Task.from_json(wanted), store)
            yield None
        except BentlightError as error:
            yield str(error)
        except Exception as error:
            # What an exporter stumbles over is told to the show, which then plays that plan in torch.
            yield f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason given'])[0][:300]}"
    store.tidy()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main()
