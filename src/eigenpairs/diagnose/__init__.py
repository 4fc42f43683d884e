"""Measuring embeddings."""

from eigenpairs.diagnose.probes import knn_accuracy, linear_probe_accuracy, split_by_source
from eigenpairs.diagnose.retrieval import mean_reciprocal_rank, recall_at_k

__all__ = ["knn_accuracy", "linear_probe_accuracy", "mean_reciprocal_rank", "recall_at_k", "split_by_source"]
