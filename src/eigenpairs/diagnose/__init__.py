"""Measuring embeddings."""

from eigenpairs.diagnose.certificate import Certificate
from eigenpairs.diagnose.certify import certify
from eigenpairs.diagnose.compare import Comparison, compare
from eigenpairs.diagnose.diagnose import diagnose
from eigenpairs.diagnose.diagnosis import Diagnosis
from eigenpairs.diagnose.findings import Finding
from eigenpairs.diagnose.metric import Metric, Reference
from eigenpairs.diagnose.probes import knn_accuracy, linear_probe_accuracy, split_by_source
from eigenpairs.diagnose.ranks import alpha_req, effective_rank, participation_ratio, rankme, stable_rank
from eigenpairs.diagnose.retrieval import mean_reciprocal_rank, recall_at_k

__all__ = [
    "Certificate",
    "Comparison",
    "Diagnosis",
    "Finding",
    "Metric",
    "Reference",
    "alpha_req",
    "certify",
    "compare",
    "diagnose",
    "effective_rank",
    "knn_accuracy",
    "linear_probe_accuracy",
    "mean_reciprocal_rank",
    "participation_ratio",
    "rankme",
    "recall_at_k",
    "split_by_source",
    "stable_rank",
]
