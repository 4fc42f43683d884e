"""The training loop: batches, steps, optimisers, sessions."""
