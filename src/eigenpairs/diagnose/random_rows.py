"""What chance gives: singular values and leverage of isotropic Gaussian rows, without drawing the rows."""

from __future__ import annotations

import numpy as np
import scipy.linalg

DRAWS = 5


def gaussian_singular_values(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """(min(n, d),) singular values, descending, of an (n, d) matrix of standard Gaussian entries.

    Householder reflections leave a bidiagonal matrix of independent chi variables (Dumitriu & Edelman 2002): d^2
    operations whatever n is.
    """
    long, short = max(n, d), min(n, d)
    diagonal = np.sqrt(rng.chisquare(long - np.arange(short)))
    above = np.sqrt(rng.chisquare(np.arange(short - 1, 0, -1)))
    squares = diagonal**2 + np.concatenate([[0.0], above**2])
    values = scipy.linalg.eigvalsh_tridiagonal(squares, diagonal[:-1] * above)
    return np.sqrt(np.maximum(values[::-1], 0.0))


def largest_leverage(n: int, r: int, share: float) -> float:
    """The leverage, times n/r, that the largest of n rows of a random r-dimensional space exceeds with 1 - `share`.

    One row's leverage is Beta(r/2, (n - r)/2); rows are taken for independent.
    """
    if r >= n:
        return 1.0
    from scipy.special import betainccinv

    tail = -np.expm1(np.log(share) / n)
    return float(n / r * betainccinv(r / 2, (n - r) / 2, tail))


def random_extreme_std(n: int, d: int, share: float = 0.01) -> tuple[tuple[float, float], tuple[float, float]]:
    """Intervals of the smallest and the largest of d standard deviations of n Gaussian rows each, over their rms."""
    from scipy.special import gammainccinv, gammaincinv

    half = (n - 1) / 2
    tails = -np.expm1(np.log([1 - share / 2, share / 2]) / d)  # chance of one column beyond that of the extreme of d
    low = np.sqrt(gammaincinv(half, tails) / half)
    high = np.sqrt(gammainccinv(half, tails) / half)
    return (float(low[0]), float(low[1])), (float(high[1]), float(high[0]))
