"""Scenes: how hearing becomes drawing. Importing this costs neither torch nor aubio.

    from scenes import Patch, load
    patch = Patch(load("ember"))
    spec = patch.advance(frames, {}, time_s)

A scene file says which prompts, which bends of the model, and which heard feature moves what. A `Patch` is a scene
being played: heard frames and control values go in, a `FrameSpec` for the generator comes out.
"""

from scenes.load import files, library, load, loads
from scenes.patch import Patch
from scenes.schema import Scene

__all__ = ["Patch", "Scene", "files", "library", "load", "loads"]
