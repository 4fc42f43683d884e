"""`Monitor`: what is measured while a network is trained, always on the same rows and the same pairs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from eigenpairs._validate import a_relation, an_instance, whole_number
from eigenpairs.deep.evaluate import FEWEST, features, split_of
from eigenpairs.deep.frozen import View, device_of
from eigenpairs.deep.watching.alarm import collapse_alarm
from eigenpairs.deep.watching.head_certificate import KEPT, head_certificate, number
from eigenpairs.deep.watching.watched import Watched
from eigenpairs.diagnose import Diagnosis, diagnose, knn_accuracy
from eigenpairs.diagnose.on_pairs import take_pair_moments
from eigenpairs.objective import DirectSet, Objective, SimCLR
from eigenpairs.relation import Relation

FEW = 512
"""Sources that certify a loss of all rows at once (InfoNCE), whose reference is found by descent on them; twice as many
as there are features if that is more."""


class Monitor:
    """Measures a network on rows, pairs and views that are drawn once, at the beginning of a run.

    Labels are only looked at: neither the pairs nor the training depend on them. But where there are any, the best
    epoch of a run is chosen by the nearest neighbours of the first set; without labels it is chosen by `sum_rho`, the
    pair correlations of the features added up.

    Parameters
    ----------
    samples : Samples
    views : sequence of views, optional
        Those of the run, one per view.
    relation : Relation, optional
        Positives among the samples; beside `views`, pairs drawn from it are looked at through the first two.
    objective : Objective, optional
        What is certified; None for methods without one (BYOL, SimSiam).
    rows : int, default 2000
        Sources watched, and labelled samples for the nearest neighbours of each set of labels.
    certificate_every : int, default 5
        Epochs between two certificates; 0 for none.
    n_neighbors : int, default 20
        k of the online nearest neighbours, by cosine, on samples without augmentation.
    test_fraction : float, default 0.2
        Share of the labelled samples that is held out of the bank.
    labels : sequence of names, optional
        Which sets of labels are watched; all by default.
    seed : int, default 0
    device : torch device or str, optional
        Where the network is, by default.
    batch_size : int, default 512

    Examples
    --------
    >>> import numpy as np, torch
    >>> import eigenpairs as ep
    >>> from eigenpairs.deep.data.samples import Samples
    >>> from eigenpairs.deep.network import Network
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((300, 6))
    >>> X = np.concatenate([source + 0.5 * rng.standard_normal((300, 6)) for _ in range(2)])
    >>> network = Network(torch.nn.Identity(), torch.nn.Linear(6, 6), torch.nn.Linear(6, 3))
    >>> monitor = Monitor(Samples(X, "rows"), relation=ep.Relation.from_views(300, 2), objective=ep.VICReg())
    >>> record = monitor.measure(network, epoch=0)
    >>> record["verdict"], record["alarm"], record["gap"] > 0, record["certificate_exact"]
    ('healthy', False, True, True)
    """

    def __init__(
        self,
        samples: Any,
        views: Sequence[View] | None = None,
        relation: Relation | None = None,
        objective: Objective | None = None,
        *,
        rows: int = 2000,
        certificate_every: int = 5,
        n_neighbors: int = 20,
        test_fraction: float = 0.2,
        labels: Sequence[str] | None = None,
        seed: int = 0,
        device: Any = None,
        batch_size: int = 512,
    ):
        if objective is not None:
            an_instance(objective, Objective, "objective", "ep.VICReg()")
        if relation is not None:
            a_relation(relation)
        self.samples, self.views, self.objective, self.device = samples, views, objective, device
        self.rows, self.seed = whole_number(rows, "rows", 2), seed
        self.certificate_every = whole_number(certificate_every, "certificate_every", 0)
        self.k, self.batch_size = whole_number(n_neighbors, "n_neighbors", 1), batch_size
        self.watch(relation)
        names = list(samples.labels) if labels is None else list(labels)
        source = np.full(len(samples), -1) if relation is None else relation.components
        self.splits = _splits(samples, names, source, rows, test_fraction, seed)

    def watch(self, relation: Relation | None) -> None:
        """Draw the rows and pairs that are looked at, again where the relation is a new one."""
        self.watched = Watched.draw(len(self.samples), self.views, relation, self.rows, self.seed)

    def measure(
        self, network: nn.Module, epoch: int, certificate: bool | None = None, before: float | None = None
    ) -> dict[str, Any]:
        """A record of the network as it is; its mode, its weights and the global random state stay as they are.

        Parameters
        ----------
        network : torch.nn.Module
            From a batch to (features, projections); best not wrapped for half precision.
        epoch : int
        certificate : bool, optional
            Whether to certify the head; by default every `certificate_every` epochs, from epoch 0 on.
        before : float, optional
            `spread` of the last record.

        Returns
        -------
        dict
            knn (by name of labels), rankme, rankme_projection, spread (of the projections, normalised), sum_rho,
            verdict, verdict_projection, alarm, alarm_text, rho (empty with fewer sources than columns); with a
            certificate those of `head_certificate`. Ready for JSON: None where a number is undefined.
        """
        device = device_of(network) if self.device is None else self.device
        H, Z = self.watched.embed(network, self.samples, device, self.batch_size)
        found, projected = diagnose(H, self.watched.relation), diagnose(Z, self.watched.relation, objective=self._seen)
        alarm = collapse_alarm(found, projected, self._on_sphere, before)
        finite = bool(np.isfinite(H).all() and np.isfinite(Z).all())
        rho = take_pair_moments(Z, self.watched.relation).rho if finite else np.empty(0)
        record = {
            "knn": self._knn(network, device),
            "rankme": _metric(found, "rankme"),
            "rankme_projection": _metric(projected, "rankme"),
            "spread": _metric(projected, "normalized_std"),
            # With fewer sources than columns some direction has any rho.
            "sum_rho": _metric(found, "sum_rho") if len(H) > 2 * H.shape[1] else None,
            "verdict": found.verdict,
            "verdict_projection": projected.verdict,
            "alarm": bool(alarm),
            "alarm_text": alarm,
            "rho": rho[:KEPT].tolist() if len(Z) > 2 * Z.shape[1] else [],
        }
        due = self.certificate_every > 0 and epoch % self.certificate_every == 0
        if self.objective is None or not (due if certificate is None else certificate):
            return record
        if not finite:
            nothing = dict.fromkeys(("gap", "optimum_loss", "certificate_exact"))
            return (
                record | nothing | {"certificate": "There is no certificate: features or projections hold NaN or inf."}
            )
        count = max(FEW, 2 * H.shape[1]) if _is_loss_of_rows(self.objective) else len(H)
        rows, pairs = self.watched.first(count)
        return record | head_certificate(H[rows], Z[rows], self.objective, pairs)

    @property
    def _seen(self) -> Objective | None:
        """The objective that `diagnose` compares projections with, unless its optimum may not exist."""
        return None if isinstance(self.objective, DirectSet) else self.objective

    @property
    def _on_sphere(self) -> bool:
        """Whether projections are compared by their directions alone."""
        if isinstance(self.objective, DirectSet):
            return self.objective.criterion == "cosine"
        return self.objective is None or (isinstance(self.objective, SimCLR) and self.objective.critic == "cosine")

    def _knn(self, network: nn.Module, device: Any) -> dict[str, float | None]:
        if not self.splits:
            return {}
        used = np.unique(np.concatenate([np.concatenate(split) for split in self.splits.values()]))
        H = features(network, self.samples, device, self.batch_size, rows=used)
        found: dict[str, float | None] = {}
        for name, (bank, test) in self.splits.items():
            at, held = np.searchsorted(used, bank), np.searchsorted(used, test)
            y = np.asarray(self.samples.labels[name])
            finite = bool(np.isfinite(H[at]).all() and np.isfinite(H[held]).all())
            found[name] = knn_accuracy(H[at], y[bank], H[held], y[test], self.k, "cosine") if finite else None
        return found


def _splits(
    samples: Any, names: list[str], source: np.ndarray, rows: int, share: float, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Bank and test rows of each set that labels enough rows; sets that label all rows share them."""
    order = np.random.default_rng(seed).permutation(len(samples))
    found = {}
    for name in names:
        if name not in samples.labels:
            held = ", ".join(map(repr, samples.labels)) or "none"
            raise ValueError(f"labels = {name!r} is no set of labels of the data; it has {held}")
        y = np.asarray(samples.labels[name])
        labelled = np.sort(order[y[order] >= 0][:rows])
        if len(labelled) < FEWEST:
            warnings.warn(f"labels {name!r} label {len(labelled)} rows, too few to be watched", stacklevel=4)
            continue
        bank, test, _ = split_of(labelled, y, source, name, share, rows, seed)
        found[name] = (bank, test)
    return found


def _is_loss_of_rows(objective: Objective) -> bool:
    return objective.has_loss and type(objective).moment_terms is Objective.moment_terms


def _metric(diagnosis: Diagnosis, name: str) -> float | None:
    return number(diagnosis.metrics[name].value) if name in diagnosis.metrics else None
