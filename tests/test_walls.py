"""The rooms keep to their walls, and light imports stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"analysis", "engine", "scenes", "live", "tests", "bench"}
MAY_KNOW = {
    "bentlight": set(),
    "analysis": set(),
    "engine": set(),
    "scenes": {"analysis", "engine"},
    "live": {"analysis", "engine", "scenes"},
}


def imports(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere in it, functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", MAY_KNOW)
def test_a_room_imports_only_rooms_it_may_know(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        foreign = imports(path) & ROOMS - {room} - MAY_KNOW[room]
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_the_leaf_package_needs_only_the_standard_library():
    for path in (ROOT / "bentlight").rglob("*.py"):
        assert imports(path) <= set(sys.stdlib_module_names) | {"bentlight"}


def loaded_after(statement: str) -> set[str]:
    """Modules loaded in a fresh interpreter after a statement."""
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["live", "live.cli", "engine", "engine.bends", "scenes", "analysis", "analysis.frame"]
)
def test_importing_costs_nothing_heavy(module):
    heavy = {"torch", "diffusers", "transformers", "pygame", "sounddevice", "av", "aubio", "onnxruntime"}
    assert not loaded_after(f"import {module}") & heavy


def test_the_ears_process_imports_neither_torch_nor_pygame():
    assert not loaded_after("import live.capture.process, analysis.live") & {"torch", "pygame", "diffusers"}


def test_nothing_but_the_painter_model_imports_the_painter():
    importers = {
        str(path.relative_to(ROOT))
        for room in MAY_KNOW
        for path in (ROOT / room).rglob("*.py")
        if "painter" in path.read_text()
        and any(
            (isinstance(node, ast.ImportFrom) and "painter" in (node.module or ""))
            or (isinstance(node, ast.Import) and any("painter" in alias.name for alias in node.names))
            for node in ast.walk(ast.parse(path.read_text()))
        )
        and "builtin" not in path.parts
    }
    assert len(importers) <= 1, f"only one module, the one for --model painter, may: {importers}"
