"""Choosing before training: objective, strength, augmentation, number of pairs."""

from eigenpairs.advise.advice import Advice, Candidate
from eigenpairs.advise.advise import advise
from eigenpairs.advise.eigenlearning import predict

__all__ = ["Advice", "Candidate", "advise", "predict"]
