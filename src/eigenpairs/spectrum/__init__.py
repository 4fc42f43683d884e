"""From moments to eigenpairs: the spectrum of a relation on a class of functions."""

from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.solve import spectrum
from eigenpairs.spectrum.spectrum import Spectrum

__all__ = ["Embedding", "Spectrum", "spectrum"]
