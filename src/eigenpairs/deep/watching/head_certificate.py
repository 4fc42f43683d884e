"""The certificate in the loop: how far the current head is from the best one on the current features."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.diagnose import certify
from eigenpairs.objective import DirectSet, Objective
from eigenpairs.relation import Relation

KEPT = 64
"""Numbers of a curve that a record keeps."""

FEW = 4
"""Sources per feature below which a certificate warns of overfit."""


def head_certificate(H: np.ndarray, Z: np.ndarray, objective: Objective, relation: Relation) -> dict[str, Any]:
    """The gap between projections and the exact optimum over linear heads of the features, as a record.

    The optimum is that of these very rows, to which a class of many functions adapts: with n_features not far below the
    number of sources, a part of the gap is no fault of the head. (Gaussian data, VICReg, a head that is optimal on
    20,000 sources: on 2,000 of them its gap is 1 % of the optimum with 64 features, 10 % with 256, 32 % with 512.)
    More `rows` make it smaller.

    Parameters
    ----------
    H : (n, n_features), Z : (n, K)
    objective : Objective
    relation : Relation over the n rows

    Returns
    -------
    dict
        gap, optimum_loss, certificate (a sentence), certificate_exact; for `DirectSet` predictor as well. Numbers are
        None where there is none, and the sentence says why.
    """
    nothing = {"gap": None, "optimum_loss": None, "certificate_exact": None}
    try:
        found = certify(Z, objective, relation, X=H)
    except ValueError as error:  # constant features, or a fixed point that does not exist
        return nothing | {"certificate": f"There is no certificate: {error}."}
    record = {
        "gap": number(found.gap),
        "optimum_loss": number(found.optimum),
        "certificate": found.sentence.replace(found.class_name, f"linear heads of the {H.shape[1]} features")
        + _overfit(H, relation),
        "certificate_exact": bool(found.exact),
    }
    return record | ({"predictor": fixed_point(Z, objective, relation)} if isinstance(objective, DirectSet) else {})


def _overfit(H: np.ndarray, relation: Relation) -> str:
    """Says so where sources are too few for the features, so that the optimum adapts to them."""
    n_sources = int(np.count_nonzero(relation.degrees)) // (relation.n_views or 2)
    if n_sources >= FEW * H.shape[1]:
        return ""
    return (
        f" With {n_sources} sources for {H.shape[1]} features much of that is overfit of the optimum; watch more rows."
    )


def fixed_point(Z: np.ndarray, objective: DirectSet, relation: Relation) -> dict[str, Any]:
    """Where the dynamics of a set predictor ends on the pair correlations of Z, beside what Z has.

    Both are energies per mode of the span of Z, where the predictor lives, scaled to one total.
    """
    try:
        found = certify(Z, objective, relation, X=Z)
    except ValueError as error:  # collapsed projections have no mode
        return {"note": f"There is no fixed point to compare with: {error}."}
    measured = found.energies * (found.gains.sum() / max(found.energies.sum(), 1e-300))
    return {
        "rho": found.rho[:KEPT].tolist(),
        "predicted": found.gains[:KEPT].tolist(),
        "measured": measured[:KEPT].tolist(),
    }


def number(value: float) -> float | None:
    """A plain float; None for nan and inf, which JSON does not have."""
    return float(value) if np.isfinite(value) else None
