"""Hypothesis classes: which functions of the data may be learned."""

from eigenpairs.features.base import FeatureMap, Features
from eigenpairs.features.free import Free
from eigenpairs.features.kernel import Kernel
from eigenpairs.features.linear import Linear
from eigenpairs.features.towers import Towers

FEATURES: dict[str, type[Features]] = {kind.__name__: kind for kind in (Free, Kernel, Linear)}
"""The classes that models on disk may name."""

__all__ = ["FEATURES", "FeatureMap", "Features", "Free", "Kernel", "Linear", "Towers"]
