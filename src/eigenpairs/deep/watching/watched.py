"""The samples that a run is watched on: the same pairs, through the same draws of the views, whenever one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from eigenpairs.deep.frozen import View, batches, eval_mode, to_host
from eigenpairs.relation import Relation


@dataclass(frozen=True)
class Watched:
    """Rows of the data, how each is looked at, and who is whose positive among them.

    Views are drawn anew each time, from a generator of fixed seed: that costs less than to keep them, and never fills a
    device.

    Attributes
    ----------
    table : (V, n) int64
        Numbers of the samples that are looked at through each of the views, stacked view after view.
    views : V views, or None: samples as they are
    relation : Relation
        Over the V n rows.
    seed : int
    """

    table: np.ndarray
    views: Sequence[View] | None
    relation: Relation
    seed: int

    @classmethod
    def draw(cls, n: int, views: Sequence[View] | None, relation: Relation | None, count: int, seed: int) -> Watched:
        """Pairs as training has them: of views, of a relation, or of a relation through views.

        Parameters
        ----------
        n : int
            Samples in the data.
        views : sequence of views, or None
        relation : Relation over the samples, or None
            Without views the part of it among the rows drawn, which holds more pairs than were drawn.
        count : int
            Sources: samples, or pairs drawn. Without views at most so many rows.
        """
        if relation is None:
            if views is None or len(views) < 2:
                raise ValueError("views and relation leave no positives; give two or more views, or a relation")
            sources = np.random.default_rng(seed).permutation(n)[:count]
            return cls(np.tile(sources, (len(views), 1)), views, Relation.from_views(len(sources), len(views)), seed)
        if relation.n_samples != n:
            raise ValueError(f"relation has {relation.n_samples} rows and the data {n}; give one per sample")
        if relation.n_views is not None:  # all views of a source, as in training
            n_sources = n // relation.n_views
            sources = np.random.default_rng(seed).permutation(n_sources)[:count]
            table = sources + n_sources * np.arange(relation.n_views)[:, None]
            return cls(table, views, Relation.from_views(len(sources), relation.n_views), seed)
        if views is None:
            rows = np.unique(relation.sample(seed, max(1, count // 2)))
            return cls(rows[None], None, relation[rows], seed)
        return cls(relation.sample(seed, count).T, views[:2], Relation.from_views(count, 2), seed)

    def first(self, count: int) -> tuple[np.ndarray, Relation]:
        """Numbers among the V n rows of the first `count` sources, and their relation; all where sources are rows."""
        n_views, n = self.table.shape
        if n_views == 1 or count >= n:
            return np.arange(self.table.size), self.relation
        rows = n * np.arange(n_views)[:, None] + np.arange(count)
        return rows.ravel(), Relation.from_views(count, n_views)

    def embed(self, network: nn.Module, samples: Any, device: Any, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Features (V n, n_features) and projections (V n, K) of all rows, float32, in eval mode."""
        generator = torch.Generator(device=device).manual_seed(self.seed)
        found = []
        with eval_mode(network):
            for at, rows in enumerate(self.table):
                view = None if self.views is None else self.views[at]
                for x in batches(samples, rows, device, batch_size, view, generator):
                    found.append(tuple(to_host(part) for part in network(x)))
        H, Z = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return H, Z
