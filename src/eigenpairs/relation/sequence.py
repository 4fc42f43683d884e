"""Rows close in time as positive pairs."""

from __future__ import annotations

import numpy as np


def pairs_in_sequence(ids: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists i, j of the rows at most `window` steps apart within the recording `ids` (n,) tells; -1 is in none."""
    order = np.argsort(ids, kind="stable")
    order = order[ids[order] >= 0]
    longest = int(np.bincount(ids[order], minlength=1).max())
    i, j = [order[:0]], [order[:0]]
    for lag in range(1, min(window, longest - 1) + 1):
        earlier, later = order[:-lag], order[lag:]
        together = ids[earlier] == ids[later]
        i.append(earlier[together])
        j.append(later[together])
    return np.concatenate(i), np.concatenate(j)
