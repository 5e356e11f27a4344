"""The scene bank: the scenes that keys and OSC can choose, in order, and which of their files have changed."""

from __future__ import annotations

import os
from pathlib import Path

import scenes
from bentlight.errors import BadInput, BadScene
from scenes.schema import Scene

__all__ = ["SceneBank"]

_AWAY = -1


class SceneBank:
    """Scenes by name: the built-in ones, and before them one given by path.

    A scene whose file is broken meanwhile is still there as it was when it was last read.

    Parameters
    ----------
    first : str
        Name of a built-in scene, or path of a scene file, to start with; empty for the first built-in one.

    Attributes
    ----------
    current : str
        Name of the scene that was chosen last.
    fault : BadScene or None
        Why the file of the scene chosen last could not be read anew; then it is as it was before.

    Raises
    ------
    BadInput
        If there is no such scene.
    BadScene
        If the file is refused.
    """

    def __init__(self, first: str = "") -> None:
        self._paths: dict[str, Path] = dict(scenes.library())
        self._seen: dict[str, tuple[int, ...]] = {}
        self._files: dict[str, tuple[Path, ...]] = {}
        """What each scene was last read from: its own file first, then its masks."""
        self._away = False
        """Whether a mask was away when it was last looked."""
        self._good: dict[str, Scene] = {}
        self.fault: BadScene | None = None
        if first and first not in self._paths:
            path = Path(first)
            if not os.path.isfile(path):
                raise BadInput(
                    f"there is no scene {first!r}; there are {', '.join(self._paths)}, or give a scene file's path."
                )
            self._good[path.stem] = scenes.load(path)
            self._paths = {path.stem: path.absolute(), **{k: v for k, v in self._paths.items() if k != path.stem}}
            first = path.stem
        self.current = first or next(iter(self._paths))

    @property
    def names(self) -> list[str]:
        """Names in the order of the number keys."""
        return list(self._paths)

    def choose(self, name: str) -> Scene:
        """Make `name` the current scene and return it; the current one stays when it is refused.

        Raises
        ------
        BadInput
            If the bank has no scene of that name: a name from outside is never used as a path.
        BadScene
            If its file is refused and has never been read.
        """
        if name not in self._paths:
            raise BadInput(f"there is no scene {name!r}; there are {', '.join(self._paths)}.")
        scene = self._load(name)
        self.current = name
        return scene

    def step(self, offset: int) -> Scene:
        """Choose the scene `offset` places on, round the bank."""
        names = self.names
        return self.choose(names[(names.index(self.current) + offset) % len(names)])

    def at(self, index: int) -> Scene:
        """Choose the scene on number key `index`, from 0.

        Raises
        ------
        BadInput
            If there are fewer scenes.
        """
        if not 0 <= index < len(self._paths):
            raise BadInput(f"there are {len(self._paths)} scenes; key {index + 1} has none.")
        return self.choose(self.names[index])

    def scene(self, name: str) -> Scene:
        """Read a scene without choosing it."""
        return scenes.load(self._paths[name])

    def reload(self) -> Scene | None:
        """Return the current scene anew when its file has changed since it was last read, else None.

        Raises
        ------
        BadScene
            Once for each change that is refused.
        """
        if self.current not in self._seen:
            return None  # not read for the first time yet
        path = self._paths[self.current]
        stamp, seen = _stamp(*self._files.get(self.current, (path,))), self._seen[self.current]
        if stamp is None or stamp == seen:
            self._away = False
            return None
        if _AWAY in stamp and stamp[0] == seen[0] and not self._away:
            # Perhaps only until an editor has renamed what it wrote.
            self._away = True
            return None
        self._away = False
        self._seen[self.current] = stamp
        scene, self.fault = self._read(self.current), None
        return scene

    def _load(self, name: str) -> Scene:
        # Looked at before it is read, so that no change in between is missed.
        own = _written(self._paths[name])
        try:
            scene, self.fault = self._read(name), None
        except BadScene as error:
            if name not in self._good:
                raise
            scene, self.fault = self._good[name], error
        self._seen[name] = (own, *map(_written, self._files.get(name, (self._paths[name],))[1:]))
        return scene

    def _read(self, name: str) -> Scene:
        path = self._paths[name]
        if not os.path.isfile(path):
            raise BadScene(str(path), None, "cannot be read; put the file back.")
        scene = scenes.load(path)
        self._files[name], self._good[name] = scenes.files(path, scene), scene
        return scene


def _stamp(scene: Path, *masks: Path) -> tuple[int, ...] | None:
    """When each file was last written; None while the scene's is away, as for a moment when an editor renames."""
    own = _written(scene)
    return None if own == _AWAY else (own, *map(_written, masks))


def _written(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return _AWAY
