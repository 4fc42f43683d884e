"""`Run`: a trained network, how it got there, and where it lies on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from eigenpairs.deep.checkpoints.checkpoint import has_checkpoint, load_weights
from eigenpairs.deep.data import Samples
from eigenpairs.deep.data.like import samples_like
from eigenpairs.deep.evaluate import evaluate
from eigenpairs.deep.frozen import features
from eigenpairs.deep.methods import Method
from eigenpairs.deep.network import Encode, Network, Project, Units
from eigenpairs.deep.settings.card import CARD, make_encoder, make_projector, method_of, read_card
from eigenpairs.deep.watching.logs import read_log

LAST, BEST = "last", "best"


class Run:
    """What `train` returns and `load_run` reads; of `read_run` without the network.

    Attributes
    ----------
    network : Network
        In evaluation mode; ``network.encode`` gives features, ``network.projector`` maps them on. Reading it raises
        ValueError where the run was read without.
    method : Method
    card : dict
        How it was made, as plain values: the content of `run.json`.
    history : list of dict
        One record per epoch: loss and its terms, kNN accuracy, RankMe, verdicts, the certificate's gap.
    folder : Path or None
    """

    def __init__(
        self,
        network: Network | None,
        card: dict[str, Any],
        history: list[dict[str, Any]],
        folder: Path | None = None,
        method: Method | None = None,
    ):
        self.card, self.history, self.folder = card, history, folder
        self._network = None if network is None else network.eval()
        self._method = method

    @property
    def network(self) -> Network:
        if self._network is None:
            raise ValueError("this run was read without its network; ep.deep.load_run(folder) reads both")
        return self._network

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
        X : whatever `samples` takes: an array, a tensor, a path, Samples; read by `read`
        batch_size : int, default 512
            Does not change the result.
        """
        return features(Encode(self.network), self.read(X), batch_size=batch_size)

    def project(self, X: Any, batch_size: int = 512) -> np.ndarray:
        """(n, K) float32 projections, the rows that the loss sees: for `diagnose` and `certify`."""
        return features(Project(self.network), self.read(X), batch_size=batch_size)

    def evaluate(self, train: Any, test: Any = None, **options: Any) -> dict[str, Any]:
        """kNN and linear probes of the features on every labelled set; see `evaluate`."""
        bank = self.read(train)
        return evaluate(Encode(self.network), bank, None if test is None else self.read(test), **options)

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

    def read(self, X: Any, split: str | None = None) -> Samples:
        """X as samples for this network, read as its training data was.

        Images of a folder get the same size, arrays of images the same layout, and columns of a table that were labels
        are labels again, if they are there.

        Parameters
        ----------
        X : whatever `samples` takes
        split : "train", "test", "unlabeled" or "all", optional
            Part of a folder that has parts; by default the one that was trained on.

        Raises
        ------
        ValueError, TypeError, FileNotFoundError
            As `samples`, and if X has samples of another shape.
        """
        found = samples_like(X, self.card["kind"], self.n_features_in_, self.card.get("reading", {}), split)
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


def load_run(
    folder: str | os.PathLike,
    which: str = LAST,
    encoder: nn.Module | None = None,
    projector: nn.Module | None = None,
) -> Run:
    """The run that `train` wrote to a folder.

    Parameters
    ----------
    folder : path
    which : "last" or "best", default "last"
        The best epoch by kNN accuracy of the first label set, without labels by the sum of rho.
    encoder, projector : Module, optional
        Fresh ones, where those of the run were modules of yours; they get the weights of the run.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such run, it is damaged, or it needs `encoder` or `projector`.
    """
    if which not in (LAST, BEST):
        raise ValueError(f"which = {which!r} is unknown; choose from 'last', 'best'")
    card = read_card(folder)
    if which == BEST and not has_checkpoint(Path(folder) / BEST):
        raise FileNotFoundError(
            f"{folder} has no best epoch: none was measured yet (every = 0 measures none); load 'last'"
        )
    network = fresh_network(card, encoder, projector)
    load_weights(Path(folder) / which, {"network": network})
    return Run(network, card, _history(folder), Path(folder))


def read_run(folder: str | os.PathLike) -> Run:
    """Card, history and curves of a run, whatever its network is made of; nothing is computed with it.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such run, or its card is damaged.
    """
    return Run(None, read_card(folder), _history(folder), Path(folder))


def _history(folder: str | os.PathLike) -> list[dict[str, Any]]:
    return [record for record in read_log(folder) if record.get("event") == "epoch"]


def weights_folder(given: str | os.PathLike) -> Path:
    """The checkpoint that `weights` names: its own folder, or the last one in the folder of a run.

    Raises
    ------
    FileNotFoundError
        If it is neither.
    """
    folder = Path(given).expanduser()
    for place in (folder, folder / LAST):
        if has_checkpoint(place):
            return place
    what = "a run without a checkpoint" if (folder / CARD).is_file() else "no folder of a run"
    raise FileNotFoundError(
        f"encoder weights: {folder} is {what}; give the folder of a run, or of one of its checkpoints (run/best)"
    )


def fresh_network(
    card: dict[str, Any], encoder: nn.Module | None = None, projector: nn.Module | None = None
) -> Network:
    """A network as the card describes it, with random weights."""
    import torch

    shape, kind = tuple(card["shape"]), card["kind"]
    if encoder is None and "module" in card["encoder"]:
        raise ValueError(_own(card, "encoder"))
    if projector is None and "module" in card["projector"]:
        raise ValueError(_own(card, "projector"))
    built, _ = make_encoder(card["encoder"] if encoder is None else encoder, shape, kind)
    projected, _ = make_projector(card["projector"] if projector is None else projector, int(built.n_features))
    mean = torch.zeros(card["units"])
    return Network(Units(mean, torch.ones_like(mean)), built, projected)


def _own(card: dict[str, Any], part: str) -> str:
    return (
        f"the run's {part} is a {card[part]['module']} of your own, which a run does not keep; give a fresh one: "
        f"ep.deep.load_run(folder, {part}=...)"
    )
