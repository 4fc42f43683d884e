"""One file per objective: its batch loss, its gain curve on the spectrum, its exact optimum, its source."""

from eigenpairs.objective.barlow_twins import BarlowTwins
from eigenpairs.objective.base import Objective
from eigenpairs.objective.direct_set import DirectCopy, DirectPred, DirectSet
from eigenpairs.objective.log_det import LogDet
from eigenpairs.objective.optimum import Optimum
from eigenpairs.objective.simclr import SimCLR
from eigenpairs.objective.spectral_contrastive import SpectralContrastive
from eigenpairs.objective.vicreg import VICReg
from eigenpairs.objective.whitening import Whitening

OBJECTIVES: dict[str, type[Objective]] = {
    kind.__name__: kind for kind in (VICReg, BarlowTwins, SpectralContrastive, Whitening, LogDet, SimCLR, DirectSet)
}
"""Every objective by name: what the command line offers and what models on disk may name."""

__all__ = [
    "OBJECTIVES",
    "BarlowTwins",
    "DirectCopy",
    "DirectPred",
    "DirectSet",
    "LogDet",
    "Objective",
    "Optimum",
    "SimCLR",
    "SpectralContrastive",
    "VICReg",
    "Whitening",
]
