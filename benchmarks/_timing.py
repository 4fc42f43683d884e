"""How long something takes."""

import time
from collections.abc import Callable

import numpy as np


def median_seconds(work: Callable[[], object], repeat: int) -> float:
    """Median time of so many runs."""
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return float(np.median(took))
