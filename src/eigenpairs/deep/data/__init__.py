"""Samples to train on: arrays, tables, time series, folders of images, CIFAR and STL-10 in their binary formats."""

from eigenpairs.deep.data.samples import Samples  # isort: skip
from eigenpairs.deep.data.read import samples

__all__ = ["Samples", "samples"]
