"""How many directions an embedding uses: smooth ranks of its singular values.

All are functions of the singular values s (d,) alone, so none sees a rotation or a change of units. No constant is
added inside (RankMe's published 1e-5 makes a rank of 1 read 2.57 at 8,192 columns): an embedding of r equal directions
has rank r exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def rankme(singular_values: Any) -> float:
    """exp of the entropy of s / sum(s) (Garrido et al. 2023, arXiv 2210.02885; Roy & Vetterli 2007 for a matrix).

    Examples
    --------
    >>> round(rankme([2.0, 2.0, 2.0, 0.0]), 9)
    3.0
    """
    return _exp_entropy(_descending(singular_values))


def effective_rank(singular_values: Any) -> float:
    """exp of the entropy of the shares of variance, s^2 / sum(s^2): Roy & Vetterli's rank of the covariance.

    Examples
    --------
    >>> round(effective_rank([2.0, 2.0, 2.0, 0.0]), 9)
    3.0
    """
    return _exp_entropy(_descending(singular_values) ** 2)


def participation_ratio(singular_values: Any) -> float:
    """(sum s^2)^2 / sum s^4: the inverse of the probability that two draws of variance meet in one direction."""
    variance = _unit(_descending(singular_values) ** 2)
    return float(1 / np.sum(variance**2)) if len(variance) else float("nan")


def stable_rank(singular_values: Any) -> float:
    """sum s^2 / s_1^2. NESum (He & Ozay 2022), the sum of eigenvalues over the largest, is the same number."""
    variance = _unit(_descending(singular_values) ** 2)
    return float(1 / variance[0]) if len(variance) else float("nan")


def alpha_req(singular_values: Any) -> float:
    """Exponent alpha of the power law s_k^2 ~ k^-alpha (alpha-ReQ, Agrawal et al. 2022).

    Least squares of log variance on log k, every octave of k weighing the same, over the directions that are not zero.
    Near 1 is what the source finds to go with good representations; 0 is isotropic, far above 1 few directions.
    nan with fewer than three directions.

    Examples
    --------
    >>> round(alpha_req(np.arange(1, 101) ** -0.5), 9)
    1.0
    """
    s = _descending(singular_values)
    if len(s) < 3:
        return float("nan")
    k = np.arange(1, len(s) + 1)
    x, y = np.log(k), 2 * np.log(s)
    x = x - np.average(x, weights=1 / k)
    return float(0.0 - np.sum(x * y / k) / np.sum(x * x / k))


def _descending(singular_values: Any) -> np.ndarray:
    s = np.sort(np.asarray(singular_values, dtype=np.float64))[::-1]
    return s[s > 0]


def _unit(mass: np.ndarray) -> np.ndarray:
    return mass / mass.sum()


def _exp_entropy(mass: np.ndarray) -> float:
    """exp(-sum p log p), p = mass / sum(mass); nan for no mass."""
    if not len(mass):
        return float("nan")
    p = _unit(mass)
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))
