"""`Run`: a trained network, how it got there, and where it lies on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from eigenpairs.deep.checkpoints.checkpoint import has_checkpoint, load_weights
from eigenpairs.deep.data import samples
from eigenpairs.deep.evaluate import evaluate
from eigenpairs.deep.frozen import features
from eigenpairs.deep.methods import Method
from eigenpairs.deep.network import Encode, Network, Project, Units
from eigenpairs.deep.settings.card import make_encoder, make_projector, method_of, read_card
from eigenpairs.deep.watching.logs import read_log

LAST, BEST = "last", "best"


class Run:
    """What `train` returns and `load_run` reads.

    Attributes
    ----------
    network : Network
        In evaluation mode; ``network.encode`` gives features, ``network.projector`` maps them on.
    method : Method
    card : dict
        How it was made, as plain values: the content of `run.json`.
    history : list of dict
        One record per epoch: loss and its terms, kNN accuracy, RankMe, verdicts, the certificate's gap.
    folder : Path or None
    """

    def __init__(
        self,
        network: Network,
        card: dict[str, Any],
        history: list[dict[str, Any]],
        folder: Path | None = None,
        method: Method | None = None,
    ):
        self.network, self.card, self.history, self.folder = network.eval(), card, history, folder
        self._method = method

    @property
    def method(self) -> Method:
        """What was trained for; of a run that was loaded by its name, which an objective of your own has not."""
        return method_of(self.card["method"]) if self._method is None else self._method

    @property
    def n_features(self) -> int:
        """Columns of `transform`."""
        return int(self.network.encoder.n_features)

    @property
    def n_features_in_(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.card["shape"])

    def transform(self, X: Any, batch_size: int = 512) -> np.ndarray:
        """(n, n_features) float32 features of the encoder, for samples of the kind it was trained on.

        Parameters
        ----------
        X : whatever `samples` takes: an array, a tensor, a path, Samples
        batch_size : int, default 512
            Does not change the result.
        """
        return features(Encode(self.network), self._samples(X), batch_size=batch_size)

    def project(self, X: Any, batch_size: int = 512) -> np.ndarray:
        """(n, K) float32 projections, the rows that the loss sees: for `diagnose` and `certify`."""
        return features(Project(self.network), self._samples(X), batch_size=batch_size)

    def evaluate(self, train: Any, test: Any = None, **options: Any) -> dict[str, Any]:
        """kNN and linear probes of the features on every labelled set; see `evaluate`."""
        bank = self._samples(train)
        return evaluate(Encode(self.network), bank, None if test is None else self._samples(test), **options)

    @property
    def curves(self) -> dict[str, tuple[list[float], list[float]]]:
        """Every number of the history that has one value per epoch, by name: (steps, values), for `report`."""
        found: dict[str, tuple[list[float], list[float]]] = {}
        for record in self.history:
            for name, value in _numbers(record):
                steps, values = found.setdefault(name, ([], []))
                steps.append(record["step"])
                values.append(value)
        return found

    def __repr__(self) -> str:
        last = self.history[-1] if self.history else {}
        words = [f"{name} {last[key]:.4g}" for name, key in _SHOWN if last.get(key) is not None]
        words += [f"kNN {name} {value:.3f}" for name, value in (last.get("knn") or {}).items()]
        words += [verdict] if (verdict := last.get("verdict")) not in (None, "healthy") else []
        where = f" in {self.folder}" if self.folder else ""
        return (
            f"Run({self.card['method']['name']}, {len(self.history)} epochs: {', '.join(words) or 'untrained'}{where})"
        )

    def _samples(self, X: Any) -> Any:
        found = samples(X, kind=self.card["kind"])
        if tuple(found.shape) != self.n_features_in_:
            raise ValueError(f"X has samples of shape {tuple(found.shape)}; the network takes {self.n_features_in_}")
        return found


_SHOWN = (("loss", "loss"), ("RankMe", "rankme"), ("gap", "gap"))
_CURVES = {
    "loss": "loss",
    "lr": "learning rate",
    "rankme": "RankMe",
    "rankme_projection": "RankMe of projections",
    "sum_rho": "sum of rho",
    "gap": "gap to the optimum",
    "images_per_second": "samples per second",
}
"""Entries of a record that make a curve, and what the curve is called."""


def _numbers(record: dict[str, Any]) -> list[tuple[str, float]]:
    found = [(called, record[name]) for name, called in _CURVES.items() if record.get(name) is not None]
    found += [(f"loss: {name}", value) for name, value in (record.get("terms") or {}).items()]
    return found + [(f"kNN: {name}", value) for name, value in (record.get("knn") or {}).items()]


def load_run(folder: str | os.PathLike, which: str = LAST, encoder: nn.Module | None = None) -> Run:
    """The run that `train` wrote to a folder.

    Parameters
    ----------
    folder : path
    which : "last" or "best", default "last"
        The best epoch by kNN accuracy of the first label set, without labels by the sum of rho.
    encoder : Module, optional
        A fresh one, where the run's encoder was a module of yours and no name.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such run, it is damaged, or it needs `encoder`.
    """
    if which not in (LAST, BEST):
        raise ValueError(f"which = {which!r} is unknown; choose from 'last', 'best'")
    card = read_card(folder)
    if which == BEST and not has_checkpoint(Path(folder) / BEST):
        raise FileNotFoundError(
            f"{folder} has no best epoch: none was measured yet (every = 0 measures none); load 'last'"
        )
    network = fresh_network(card, encoder)
    load_weights(Path(folder) / which, {"network": network})
    history = [record for record in read_log(folder) if record.get("event") == "epoch"]
    return Run(network, card, history, Path(folder))


def fresh_network(card: dict[str, Any], encoder: nn.Module | None = None) -> Network:
    """A network as the card describes it, with random weights."""
    import torch

    shape, kind = tuple(card["shape"]), card["kind"]
    if encoder is None and "module" in card["encoder"]:
        raise ValueError(f"the run's encoder is a {card['encoder']['module']} of your own; give one as encoder=")
    if "module" in card["projector"]:
        raise ValueError(f"the run's projector is a {card['projector']['module']} of your own; rebuild it, and load "
                         "its weights from last/weights.safetensors")  # fmt: skip
    built, _ = make_encoder(card["encoder"] if encoder is None else encoder, shape, kind)
    projector, _ = make_projector(card["projector"], int(built.n_features))
    mean = torch.zeros(card["units"])
    return Network(Units(mean, torch.ones_like(mean)), built, projector)
