"""Batches of views: which rows go together in a step, and how they are looked at.

Without a relation every sample is a source and each of its views a draw of that view's chain. With one, positives are
drawn from it, two rows at a time in proportion to G (all views of a source where the relation is made of views), and
chains, if there are any, change each row on top.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eigenpairs.relation import Relation

View = Callable[[Tensor, torch.Generator], tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True)
class Batch:
    """The views of n sources, view after view, and who is whose positive among them."""

    views: Tensor
    relation: Relation

    @property
    def n_views(self) -> int:
        """Views per source."""
        return self.relation.n_views or 2


class Batches:
    """The batches of every epoch, the same for the same seed.

    Parameters
    ----------
    samples : Samples
    views : sequence of callables ``view(x, generator) -> (x, drawn)``, or None
        One per view; None leaves rows as they are.
    relation : Relation, optional
        Over the samples; see the module's text.
    batch_size : int
        Sources (pairs, with a relation) per batch. An epoch's last, smaller batch is left out: statistics of a batch
        would mean something else there.
    seed : int
    device : torch device
    """

    def __init__(
        self, samples: Any, views: Sequence[View] | None, relation: Relation | None, batch_size: int, seed: int,
        device: Any,
    ):  # fmt: skip
        if views is None and relation is None:
            raise ValueError("views = None needs a relation: without either there is no pair of positives")
        if relation is not None and relation.n_samples != len(samples):
            raise ValueError(f"relation has {relation.n_samples} rows and the data {len(samples)}; give one per sample")
        self.samples, self.views, self.relation = samples, views, relation
        self.seed, self.device = seed, device
        self.n_views = 2 if views is None else len(views)
        if relation is not None:
            self.n_views = relation.n_views or 2
            if views is not None and len(views) != self.n_views:
                raise ValueError(f"views has {len(views)} chains and the relation {self.n_views} views; give one each")
        if batch_size > self.n_sources:
            warnings.warn(
                f"batch_size = {batch_size} is reduced to the {self.n_sources} sources there are", stacklevel=2
            )
        self.batch_size = min(batch_size, self.n_sources)
        self._among = Relation.from_views(self.batch_size, self.n_views)

    @property
    def n_sources(self) -> int:
        """Sources of an epoch: samples, or as many pairs as there are rows with a partner."""
        if self.relation is None:
            return len(self.samples)
        if self.relation.n_views is not None:
            return len(self.samples) // self.relation.n_views
        return int(np.count_nonzero(self.relation.degrees))

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return self.n_sources // self.batch_size

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number `epoch`, which depend on nothing but it and the seed."""
        rng = np.random.default_rng((self.seed, epoch))
        generator = torch.Generator(device=self.device).manual_seed(int(rng.integers(2**62)))
        table = self._rows(rng)
        for step in range(self.steps):
            rows = table[:, step * self.batch_size : (step + 1) * self.batch_size]
            yield Batch(self._look_at(rows, generator), self._among)

    def _rows(self, rng: np.random.Generator) -> np.ndarray:
        """(n_views, n_sources) the row that each view of each source is made of."""
        if self.relation is None:
            return np.tile(rng.permutation(self.n_sources), (self.n_views, 1))
        if self.relation.n_views is not None:
            return self.n_sources * np.arange(self.n_views)[:, None] + rng.permutation(self.n_sources)
        return self.relation.sample(rng, self.n_sources).T

    def _look_at(self, rows: np.ndarray, generator: torch.Generator) -> Tensor:
        """(n_views * n, ...) the views of the rows (n_views, n)."""
        if self.views is None:
            return self.samples.take(rows.ravel(), self.device)
        if self.relation is None:
            x = self.samples.take(rows[0], self.device)
            return torch.cat([view(x, generator)[0] for view in self.views])
        return torch.cat(
            [view(self.samples.take(own, self.device), generator)[0] for own, view in zip(rows, self.views)]
        )
