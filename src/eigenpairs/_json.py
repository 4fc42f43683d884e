"""Values made ready for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """`value` with texts as keys, lists for arrays and tuples, and None for NaN and infinities, which JSON lacks.

    >>> plain({"gains": np.array([1.0, np.nan]), "shape": (2, 3)})
    {'gains': [1.0, None], 'shape': [2, 3]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
