"""The predicted error of a few-shot probe on given columns, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eigenpairs.advise.eigenlearning import LEAST_REST, predict
from eigenpairs.diagnose.label_energy import PrincipalDirections, label_energy


@dataclass(frozen=True)
class ProbeError:
    """A predicted squared error, as a share of the label's variance.

    Attributes
    ----------
    error : float
    standard_error : float, from the sampling error of the label energies
    ridge : float, the best ridge of the probe, in units of the columns' variances
    """

    error: float
    standard_error: float
    ridge: float


def predicted_error_on_columns(
    Z: np.ndarray, y: np.ndarray, n_labels: int, task: str = "auto", at_most: int | None = None
) -> ProbeError:
    """Squared error of a ridge probe on n labels over the columns of Z, with the ridge that suits it best.

    The principal directions of Z are what its own geometry learns in turn: gains are their variances.

    Parameters
    ----------
    Z : (n, d)
    y : (n,) labels, -1, NaN or empty for none
    n_labels : int
    task : "auto", "classification" or "regression", as for `label_energy`
    at_most : int, optional
        Leading directions that are looked at; all by default.

    Notes
    -----
    Simon et al. 2023 (arXiv 2110.03922); Theory, section 8. Exact in the covariance of Z: no modes have to be white.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.advise.probe_error import predicted_error_on_columns
    >>> Z = np.random.default_rng(0).standard_normal((2000, 20))
    >>> few, many = (predicted_error_on_columns(Z, Z[:, 0], n).error for n in (10, 1000))
    >>> few > 0.5, many < 0.1  # one direction of twenty: much of it is missed on 10 labels
    (True, True)
    """
    directions = PrincipalDirections.of(Z)
    variances = directions.variances[:at_most]
    if not len(variances):  # a collapsed embedding tells nothing, under any ridge
        return ProbeError(1.0 + 1.0 / n_labels, 0.0, 1.0)
    found = label_energy(directions.transform(Z, at_most), y, task)
    guess = predict(variances[None, :], found.energy, max(found.outside, LEAST_REST), n_labels)
    spread = float(np.sqrt(np.sum((guess.weight[0] * found.standard_error) ** 2)))
    return ProbeError(float(guess.error[0]), spread, float(guess.ridge[0]))
