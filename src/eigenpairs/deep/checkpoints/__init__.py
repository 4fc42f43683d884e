"""Checkpoints: weights and optimiser on disk, and back to the bit."""
