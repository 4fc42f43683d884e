"""Measuring embeddings."""

from eigenpairs.diagnose.probes import knn_accuracy, linear_probe_accuracy, split_by_source

__all__ = ["knn_accuracy", "linear_probe_accuracy", "split_by_source"]
