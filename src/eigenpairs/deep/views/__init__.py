"""Random views of batches of images, rows and series, drawn independently for every sample, on any device."""

from eigenpairs.deep.views.base import View
from eigenpairs.deep.views.chain import Chain
from eigenpairs.deep.views.color import ColorJitter, Grey, Normalise, Solarise
from eigenpairs.deep.views.draws import Draws
from eigenpairs.deep.views.entries import Corruption, Masking, Noise, Scaling
from eigenpairs.deep.views.for_audit import as_rows_view
from eigenpairs.deep.views.geometry import Flip, RandomResizedCrop
from eigenpairs.deep.views.local import Erasing, GaussianBlur
from eigenpairs.deep.views.presets import PRESETS, preset
from eigenpairs.deep.views.series import SeriesCrop, SeriesShift

__all__ = [
    "PRESETS",
    "Chain",
    "ColorJitter",
    "Corruption",
    "Draws",
    "Erasing",
    "Flip",
    "GaussianBlur",
    "Grey",
    "Masking",
    "Noise",
    "Normalise",
    "RandomResizedCrop",
    "Scaling",
    "SeriesCrop",
    "SeriesShift",
    "Solarise",
    "View",
    "as_rows_view",
    "preset",
]
