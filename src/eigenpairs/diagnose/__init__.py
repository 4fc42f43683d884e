"""Measuring embeddings."""

from eigenpairs.diagnose.certificate import Certificate
from eigenpairs.diagnose.certify import certify
from eigenpairs.diagnose.compare import Comparison, compare
from eigenpairs.diagnose.diagnose import diagnose
from eigenpairs.diagnose.diagnosis import Diagnosis
from eigenpairs.diagnose.few_shot import FewShot, few_shot
from eigenpairs.diagnose.findings import Finding
from eigenpairs.diagnose.label_energy import LabelEnergy, label_energy
from eigenpairs.diagnose.metric import Metric, Reference
from eigenpairs.diagnose.probes import (
    knn_accuracy,
    knn_r2,
    linear_probe_accuracy,
    ridge_probe_accuracy,
    ridge_probe_r2,
    split_by_source,
)
from eigenpairs.diagnose.ranks import alpha_req, effective_rank, participation_ratio, rankme, stable_rank
from eigenpairs.diagnose.retrieval import mean_reciprocal_rank, recall_at_k
from eigenpairs.diagnose.similarity import Similarity, linear_cka, mutual_neighbors, principal_cosines, similarity
from eigenpairs.diagnose.with_labels import Probes, probe

__all__ = [
    "Certificate",
    "Comparison",
    "Diagnosis",
    "FewShot",
    "Finding",
    "LabelEnergy",
    "Metric",
    "Probes",
    "Reference",
    "Similarity",
    "alpha_req",
    "certify",
    "compare",
    "diagnose",
    "effective_rank",
    "few_shot",
    "knn_accuracy",
    "knn_r2",
    "label_energy",
    "linear_cka",
    "linear_probe_accuracy",
    "mean_reciprocal_rank",
    "mutual_neighbors",
    "participation_ratio",
    "principal_cosines",
    "probe",
    "rankme",
    "recall_at_k",
    "ridge_probe_accuracy",
    "ridge_probe_r2",
    "similarity",
    "split_by_source",
    "stable_rank",
]
