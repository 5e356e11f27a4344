"""`Making`: a file being made beside its place, which it takes once it is whole; what ends before that is kept."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable
from pathlib import Path

from bentlight.errors import BadInput

__all__ = ["Making"]


class Making:
    """A video being made beside its place, which it takes once it is whole; what ends before that is kept and named.

    Its name is plain from the beginning, ``night.part.mkv`` for ``night.mkv``, so that whoever looks for it after a
    power cut finds it.

    Parameters
    ----------
    out : Path
    tell : callable, optional
        Told of what earlier makings left, and where what was made is when it is stopped or ends by a fault of ours.

    Attributes
    ----------
    part : Path
        Where to make it.
    begun : bool
        Whether there is something in it that is worth keeping.

    Raises
    ------
    BadInput
        If nothing can be written there.
    """

    def __init__(self, out: Path, tell: Callable[[str], None] | None = None) -> None:
        self._out, self._tell = out, tell
        # A link's file is replaced, not the link.
        self._place = out.resolve()
        self.begun = False
        self._say_what_lies_there()
        self.part = self._claimed()

    def __enter__(self) -> Making:
        return self

    def __exit__(self, _: object, fault: BaseException | None, trace: object) -> None:
        try:
            if fault is None:
                fault = self._take_place()
            if fault is not None:
                self._explain(fault)
        finally:
            if not self.begun:
                with contextlib.suppress(OSError):
                    self.part.unlink(missing_ok=True)

    def _named(self, number: int) -> Path:
        # The ending says the format to the writer.
        part = "part" if number == 1 else f"part-{number}"
        return self._place.with_name(f"{self._out.stem}.{part}{self._out.suffix}")

    def _say_what_lies_there(self) -> None:
        ours = re.compile(rf"{re.escape(self._out.stem)}\.part(-\d+)?{re.escape(self._out.suffix)}")
        try:
            older = sorted(path for path in self._place.parent.iterdir() if ours.fullmatch(path.name))
        except OSError:
            return  # a folder may be written to and not be listed
        if older and self._tell is not None:
            names = ", ".join(map(str, older))
            lies = "lies" if len(older) == 1 else "lie"
            self._tell(f"{names} {lies} there, of renderings that were not finished or still run; nothing is deleted.")

    def _claimed(self) -> Path:
        """Return a name that is free, taken at once: two renderings of one name must not meet in it."""
        for number in itertools.count(1):
            part = self._named(number)
            try:
                part.open("x").close()
            except FileExistsError:
                continue
            except OSError as error:
                raise BadInput(f"{self._out} cannot be written ({error.strerror}); choose another place.") from None
            return part
        raise AssertionError("numbers do not end")

    def _take_place(self) -> OSError | None:
        try:
            self.part.replace(self._place)
        except OSError as error:
            return error
        return None

    def _explain(self, fault: BaseException) -> None:
        """Raise what says where what was made is; a fault that is not about files goes on as it is."""
        from live.video import CannotWrite, plays

        if isinstance(fault, CannotWrite) and self.begun:
            # An .mp4 whose disk fills while it is finished may end up without its beginning.
            self.begun = plays(self.part)
        made = f" What was made up to there is in {self.part}." if self.begun else ""
        if isinstance(fault, CannotWrite | OSError):
            reason = fault.reason if isinstance(fault, CannotWrite) else fault.strerror
            raise BadInput(f"{self._out} cannot be written ({reason}); choose another place.{made}") from None
        if made and isinstance(fault, BadInput):
            raise BadInput(f"{fault}{made}") from None
        if made and self._tell is not None:
            self._tell(made.strip())
