"""True onset times from a file, and how those that were heard compare with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bentlight.errors import BadInput

__all__ = ["TOLERANCE_S", "Comparison", "compare", "read_times"]

TOLERANCE_S = 0.05
"""How far a heard onset may be from a true one, as in MIREX."""
_BYTES_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """Heard onsets beside true ones.

    Attributes
    ----------
    found : ndarray, shape (found,)
        Heard times that match a true one.
    false : ndarray, shape (false,)
        Heard times that match none.
    missed : ndarray, shape (missed,)
        True times that were not heard.
    """

    found: np.ndarray
    false: np.ndarray
    missed: np.ndarray

    @property
    def precision(self) -> float:
        """Share of the heard that is true; 1 where nothing was heard."""
        heard = len(self.found) + len(self.false)
        return len(self.found) / heard if heard else 1.0

    @property
    def recall(self) -> float:
        """Share of the true that was heard; 1 where there is none."""
        true = len(self.found) + len(self.missed)
        return len(self.found) / true if true else 1.0

    @property
    def f_score(self) -> float:
        """Harmonic mean of the two."""
        both = 2 * len(self.found) + len(self.false) + len(self.missed)
        return 2 * len(self.found) / both if both else 1.0

    def __str__(self) -> str:
        return (
            f"F {self.f_score:.3f}: {len(self.found)} found, {len(self.missed)} missed, {len(self.false)} false, "
            f"within {1000 * TOLERANCE_S:g} ms"
        )


def compare(heard_s: np.ndarray, true_s: np.ndarray, tolerance_s: float = TOLERANCE_S) -> Comparison:
    """Match each true onset with one heard onset at most, as many as can be.

    Parameters
    ----------
    heard_s, true_s : ndarray
        Times in seconds.
    tolerance_s : float, optional
    """
    heard, true = np.sort(heard_s), np.sort(true_s)
    found, false, missed = [], [], []
    i = j = 0
    # On a line, with one tolerance for all, taking the earliest pair that fits is never worse than another choice.
    while i < len(heard) and j < len(true):
        late_s = heard[i] - true[j]
        if abs(late_s) <= tolerance_s + 1e-9:
            found.append(heard[i])
            i, j = i + 1, j + 1
        elif late_s < 0:
            false.append(heard[i])
            i += 1
        else:
            missed.append(true[j])
            j += 1
    return Comparison(np.array(found), np.array([*false, *heard[i:]]), np.array([*missed, *true[j:]]))


def read_times(path: Path) -> np.ndarray:
    """Read one time in seconds per line; what follows it on the line, empty lines and ``#`` lines are passed over.

    Raises
    ------
    BadInput
        If the file cannot be read, or a line does not begin with a time.
    """
    try:
        if path.stat().st_size > _BYTES_LIMIT:
            raise BadInput(f"{path} is too large to be a list of times; give a text of one time per line.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); give a text of one time per line.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a text; give a text of one time per line.") from None
    times: list[float] = []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time_s = float(words[0])
        except ValueError:
            time_s = math.nan
        if not (math.isfinite(time_s) and time_s >= 0):
            raise BadInput(f"{path}, line {number}: {words[0][:40]!r} is not a time in seconds.")
        times.append(time_s)
    return np.sort(np.array(times, np.float64))
