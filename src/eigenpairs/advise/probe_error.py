"""The predicted error of a few-shot probe on given columns, whatever they are."""

from __future__ import annotations

import numpy as np

from eigenpairs.advise.eigenlearning import predict
from eigenpairs.diagnose.label_energy import PrincipalDirections, label_energy

LEAST_REST = 0.01
"""Share of the label's variance that no column explains is at least this: estimates may fall below zero."""


def predicted_probe_error(Z: np.ndarray, y: np.ndarray, n_labels: int) -> tuple[float, float]:
    """Squared error of a ridge probe on n labels over the columns of Z, as a share of the label's variance.

    The principal directions of Z are what its own geometry learns in turn: gains are their variances.

    Parameters
    ----------
    Z : (n, d)
    y : (n,) labels, -1, NaN or empty for none
    n_labels : int

    Returns
    -------
    error, standard_error : float
        The latter from the sampling error of the label energies.

    Notes
    -----
    Simon et al. 2023 (arXiv 2110.03922); Theory, section 8. Exact in the covariance of Z: no modes have to be white.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.advise.probe_error import predicted_probe_error
    >>> Z = np.random.default_rng(0).standard_normal((2000, 20))
    >>> few, many = (predicted_probe_error(Z, Z[:, 0], n)[0] for n in (10, 1000))
    >>> few > 0.5, many < 0.1  # one direction of twenty: much of it is missed on 10 labels
    (True, True)
    """
    directions = PrincipalDirections.of(Z)
    if not len(directions.variances):  # a collapsed embedding tells nothing
        return 1.0 + 1.0 / n_labels, 0.0
    found = label_energy(directions.transform(Z), y)
    rest = max(found.outside, LEAST_REST)
    guess = predict(directions.variances[None, :], found.energy, rest, n_labels)
    spread = float(np.sqrt(np.sum((guess.weight[0] * found.standard_error) ** 2)))
    return float(guess.error[0]), spread
