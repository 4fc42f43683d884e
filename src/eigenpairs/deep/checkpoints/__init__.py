"""Checkpoints: weights, optimiser and generators on disk, and back to the bit."""
