"""Pairs in, eigenpairs out: exact optima of self-supervised objectives on your own pairs.

>>> import numpy as np, eigenpairs as ep
>>> X = np.random.default_rng(0).standard_normal((200, 10))
>>> X[100:, :3] = X[:100, :3]  # rows i and i + 100 share three columns
>>> spec = ep.spectrum(X, ep.Relation.from_views(100, 2))  # the one expensive step
>>> spec.rho.shape, spec.rho[:3].round(6)
((10,), array([1., 1., 1.]))
>>> Z = spec.embed(ep.VICReg(), n_components=3).transform(X)  # every objective, for free
>>> Z.shape
(200, 3)
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from eigenpairs.advise import Advice, advise
from eigenpairs.diagnose import Certificate, Diagnosis, certify, diagnose
from eigenpairs.features import Free, Kernel, Linear, Towers
from eigenpairs.objective import (
    BarlowTwins,
    DirectCopy,
    DirectPred,
    DirectSet,
    LogDet,
    Optimum,
    SimCLR,
    SpectralContrastive,
    VICReg,
    Whitening,
)
from eigenpairs.relation import Relation
from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.solve import spectrum
from eigenpairs.spectrum.spectrum import Spectrum
from eigenpairs.storage import load, save

if TYPE_CHECKING:
    from eigenpairs import deep as deep
    from eigenpairs.advise.audit import audit
    from eigenpairs.advise.audited import Audit
    from eigenpairs.estimator import SpectralSSL

try:
    __version__ = _version("eigenpairs")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

_ON_FIRST_USE = {
    "Audit": "eigenpairs.advise.audited",
    "SpectralSSL": "eigenpairs.estimator",
    "audit": "eigenpairs.advise.audit",
}
"""Names whose import pulls in something slow (scikit-learn takes longer than everything else together)."""

__all__ = [
    "Advice",
    "Audit",
    "BarlowTwins",
    "Certificate",
    "Diagnosis",
    "DirectCopy",
    "DirectPred",
    "DirectSet",
    "Embedding",
    "Free",
    "Kernel",
    "Linear",
    "LogDet",
    "Optimum",
    "Relation",
    "SimCLR",
    "SpectralContrastive",
    "SpectralSSL",
    "Spectrum",
    "Towers",
    "VICReg",
    "Whitening",
    "advise",
    "audit",
    "certify",
    "diagnose",
    "load",
    "save",
    "spectrum",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _ON_FIRST_USE:
        return getattr(import_module(_ON_FIRST_USE[name]), name)
    if name == "deep":
        try:
            return import_module("eigenpairs.deep")
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ModuleNotFoundError(
                "eigenpairs.deep needs torch; install it with: pip install 'eigenpairs[deep]'"
            ) from None
    raise AttributeError(f"module 'eigenpairs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "deep"])
