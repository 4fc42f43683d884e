"""Choosing before training: objective, strength, augmentation, number of pairs."""

from eigenpairs.advise.advice import Advice, Candidate
from eigenpairs.advise.advise import advise
from eigenpairs.advise.audit import audit
from eigenpairs.advise.audited import Audit, Audited
from eigenpairs.advise.eigenlearning import predict

__all__ = ["Advice", "Audit", "Audited", "Candidate", "advise", "audit", "predict"]
