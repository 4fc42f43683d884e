"""One file per objective: its batch loss, its gain curve on the spectrum, its exact optimum, its source."""

from eigenpairs.objective.barlow_twins import BarlowTwins
from eigenpairs.objective.base import Objective
from eigenpairs.objective.optimum import Optimum
from eigenpairs.objective.spectral_contrastive import SpectralContrastive
from eigenpairs.objective.vicreg import VICReg
from eigenpairs.objective.whitening import Whitening

OBJECTIVES: dict[str, type[Objective]] = {
    kind.__name__: kind for kind in (VICReg, BarlowTwins, SpectralContrastive, Whitening)
}
"""Every objective by name: what the command line offers and what models on disk may name."""

__all__ = ["OBJECTIVES", "BarlowTwins", "Objective", "Optimum", "SpectralContrastive", "VICReg", "Whitening"]
