"""Choosing before training: objective, strength, augmentation, number of pairs.

`audit.audit`, `alignment.alignment` and `budget.pair_budget` are imported from their own modules by those who use them.
"""

from eigenpairs.advise.advice import Advice, Candidate
from eigenpairs.advise.advise import advise
from eigenpairs.advise.eigenlearning import predict

__all__ = ["Advice", "Candidate", "advise", "predict"]
