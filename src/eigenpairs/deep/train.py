"""`train`: samples and an objective in, a trained network out, with the exact optimum of its head beside it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from eigenpairs._validate import whole_number
from eigenpairs.deep.checkpoints.checkpoint import load_weights
from eigenpairs.deep.data import Samples, samples
from eigenpairs.deep.frozen import device_of, eval_mode
from eigenpairs.deep.methods import as_method
from eigenpairs.deep.network import Network, Units
from eigenpairs.deep.run import Run, weights_folder
from eigenpairs.deep.settings.card import FORMAT_VERSION, make_encoder, make_projector, named
from eigenpairs.deep.settings.config import Config, settings_of
from eigenpairs.deep.training.batches import Batches
from eigenpairs.deep.training.fingerprint import of_pairs, of_samples
from eigenpairs.deep.training.loop import Loop
from eigenpairs.deep.training.positives import neighbors_of, views_of
from eigenpairs.deep.training.session import Session
from eigenpairs.deep.watching.monitor import Monitor
from eigenpairs.relation import Relation

PROJECTOR = {"hidden": [512], "n_outputs": 128, "norm": True}


def train(
    data: Any,
    objective: Any = "vicreg",
    *,
    encoder: Any = "auto",
    projector: Any = "auto",
    views: Any = "auto",
    n_views: int = 2,
    relation: Relation | None = None,
    neighbors: int | None = None,
    labels: Any = None,
    weights: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    save_every: int = 1,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train an encoder on any objective, on one device.

    Parameters
    ----------
    data : whatever `samples` takes
        Images, rows or series: an array, a tensor, a path, `Samples`.
    objective : Objective, Method or name, default "vicreg"
        Any objective of the library, `BYOL`, `SimSiam`, `Direct`, or a name such as "barlow-twins" or "direct-copy".
    encoder : name, dict of a name and settings, or torch.nn.Module, default "auto"
        See `build_encoder`; ``{"name": "resnet18", "stem": "cifar"}``. A module of yours is trained in place:
        give ``copy.deepcopy(module)`` to keep it as it is. Parts of it that are in eval mode stay so, such as batch
        norms with fixed statistics; a module that is in eval mode as a whole is put into training mode.
    projector : dict (hidden, n_outputs, norm), Module or None, default one hidden layer of 512 and 128 outputs
        None trains the features themselves.
    views : "auto", name of a preset, callable, list of callables, or None
        How views are made of a sample; see `views_of`. None leaves samples as they are and needs a relation.
    n_views : int, default 2
        Views of a sample, for presets and a single callable.
    relation : Relation, optional
        Over the samples: positives are drawn from it.
    neighbors : int, optional
        Positives are the so many nearest samples by the encoder's own features, looked for again every epoch (NNCLR).
    labels : as for `samples`
        Only watched, never used in training; rows without are -1. Sets that label fewer than ten rows are left out,
        with a warning.
    weights : path, optional
        Folder of another run of the same network, or of one of its checkpoints, whose weights are the first ones here.
    out : path, optional
        Folder of the run: `run.json`, `log.jsonl`, the checkpoints `last` and `best`. Without it nothing is written.
    resume : bool, default False
        Go on where the folder's last checkpoint stopped, or begin where there is none yet; the result is that of one
        run. Settings and data have to be the same.
    overwrite : bool, default False
        Begin again in a folder that holds a run.
    tensorboard : bool, default False
        Write TensorBoard events to `out` as well (extra ``tb``).
    save_every : int, default 1
        Epochs between checkpoints.
    progress : bool, default True
        A live view on a terminal, a line per epoch elsewhere.
    **settings
        Fields of `settings.sections.Training` (epochs, batch_size, accumulate, optimizer, lr, ...) and
        `settings.sections.Evaluation` (every, certificate_every, rows, ...).

    Returns
    -------
    Run

    Raises
    ------
    Diverged
        When the loss, a weight or a feature is not finite any more; the last good checkpoint is kept.
    ValueError, TypeError
        If a setting is unknown or not allowed, or settings do not go together; one line.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((200, 5))
    >>> X = np.concatenate([source + 0.3 * rng.standard_normal((200, 5)) for _ in range(2)])
    >>> run = ep.deep.train(
    ...     X,
    ...     ep.VICReg(),
    ...     encoder="linear",
    ...     projector=None,
    ...     relation=ep.Relation.from_views(200, 2),
    ...     epochs=2,
    ...     batch_size=100,
    ...     progress=False,
    ... )
    >>> run.transform(X).shape[0]
    400
    """
    training, evaluation = settings_of(**settings)
    method = as_method(objective)
    chosen = data if isinstance(data, Samples) and labels is None else samples(data, labels=labels)
    if relation is not None and neighbors is not None:
        raise ValueError(f"neighbors = {neighbors} beside relation: positives come from one of them; leave one out")
    if neighbors is not None and n_views > 2:
        raise ValueError(
            f"n_views = {n_views} beside neighbors = {neighbors}: a sample and its neighbour are two views, leave "
            "n_views out"
        )
    whole_number(save_every, "save_every", 1)
    folder = None if out is None else Path(out).expanduser()
    if tensorboard and folder is None:
        raise ValueError("tensorboard = True needs out, the folder to write to")
    with _threads(training.threads):
        fabric = _fabric(training)
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            network, parts = _network(chosen, encoder, projector, training.seed)
            has_relation = relation is not None or neighbors is not None
            chains, views_entry = views_of(views, chosen, network.units, n_views, has_relation)
            if weights is not None:
                load_weights(weights_folder(weights), {"network": network})
            network.units.to(fabric.device)
            on_device = chosen.to(fabric.device)
            pairs = _ring(len(chosen)) if neighbors is not None else relation
            batches = Batches(on_device, chains, pairs, training.batch_size, training.seed, fabric.device)
            width = _width(network, chosen, [] if chains is None else chains)
            if method.objective is not None and method.objective.unseen == "any linear map":
                _warn_of_few_sources(batches.batch_size, width)
            loop = Loop(network, method, width, batches, training, fabric)
        renew = None
        if neighbors is not None:
            renew = partial(neighbors_of, loop.network, on_device, neighbors, training.seed)
            batches.relation = renew()
        card = {
            "format": "eigenpairs run",
            "format_version": FORMAT_VERSION,
            "kind": chosen.kind,
            "shape": list(chosen.shape),
            "reading": chosen.reading,
            **parts,
            "method": named(method),
            "views": views_entry,
            "n_views": n_views,
            "neighbors": neighbors,
            "relation": None if relation is None else f"{relation!r}, {of_pairs(relation)}",
            "n_samples": len(chosen),
            "fingerprint": of_samples(chosen),
            "training": training.model_dump(mode="json"),
            "evaluation": evaluation.model_dump(mode="json"),
        }
        monitor = Monitor(
            on_device, chains, batches.relation, method.objective, rows=evaluation.rows,
            n_neighbors=evaluation.n_neighbors, test_fraction=evaluation.test_fraction, seed=training.seed,
        )  # fmt: skip
        session = Session(loop, monitor, card, folder, save_every, renew)
        return session.run(resume, overwrite, tensorboard, progress)


def _network(chosen: Samples, encoder: Any, projector: Any, seed: int) -> tuple[Network, dict[str, Any]]:
    """A fresh network for these samples, and what the card says of its parts."""
    units = Units.of(chosen, seed)
    built, encoder_entry = make_encoder(encoder, chosen.shape, chosen.kind)
    projected, projector_entry = make_projector(PROJECTOR if projector == "auto" else projector, built.n_features)
    entries = {"units": list(units.mean.shape), "encoder": encoder_entry, "projector": projector_entry}
    return Network(units, built, projected), entries


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads of torch, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fabric(training: Any) -> Any:
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "training needs lightning-fabric; install it with: pip install 'eigenpairs[deep]'"
        ) from None
    kind, _, index = training.device.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device = {training.device!r}, but torch sees no CUDA device here; use 'auto' or 'cpu'")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device = 'mps', but torch sees no such device here; use 'auto' or 'cpu'")
    devices: Any = [int(index)] if index else 1
    precision: Any = {"32": "32-true", "bf16": "bf16-mixed"}[training.precision]
    log = logging.getLogger("lightning_fabric.utilities.rank_zero")  # says on stderr which precision was asked for
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        return Fabric(accelerator=kind, devices=devices, precision=precision)
    finally:
        log.setLevel(level)


def _width(network: Network, chosen: Samples, chains: Sequence[Any]) -> int:
    """Columns of the projections, by a look at two samples as they are and through each chain of views.

    Raises
    ------
    ValueError
        If the network does not take them; what torch says of it is long.
    """
    x = chosen.take([0, min(1, len(chosen) - 1)], device_of(network))
    Z = _first_look(network, x, f"samples of shape {chosen.shape}")
    for at, view in enumerate(chains):
        seen = view(x, torch.Generator(x.device).manual_seed(0))[0]
        if seen.shape != x.shape:
            _first_look(network, seen, f"what view {at} makes of them, of shape {tuple(seen.shape[1:])}")
    if Z.ndim != 2:
        raise ValueError(f"projector gives the shape {tuple(Z.shape)} for 2 samples; it must give (2, K)")
    return int(Z.shape[1])


def _warn_of_few_sources(batch_size: int, width: int) -> None:
    if batch_size < width:
        warnings.warn(
            f"a batch of {batch_size} sources, whitened in {width} columns, has hardly anything to learn from: choose "
            f"a larger batch_size, or a projector with fewer than {batch_size // 2} outputs",
            stacklevel=3,
        )


def _first_look(network: Network, x: torch.Tensor, called: str) -> torch.Tensor:
    """Projections of two samples, or one line in place of what torch says."""
    try:
        with eval_mode(network):
            Z: torch.Tensor = network(x)[1]
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"encoder and projector do not take {called}: {reason}") from None
    return Z


def _ring(n: int) -> Relation:
    """Any relation over n rows: a stand-in until neighbours are known."""
    return Relation.from_sequence(n)


def train_config(config: Config, resume: bool = False, overwrite: bool = False, progress: bool = True) -> Run:
    """`train` with the settings of a configuration file (`read_config`)."""
    from eigenpairs.relation.read import read_pairs

    given = config.data
    labels = {name: str(place) for name, place in given.labels.items()}
    data = samples(
        str(given.path), given.kind, labels or None, given.size, given.cache, split=given.split, layout=given.layout
    )
    relation = None if given.pairs is None else read_pairs(str(given.pairs), len(data))
    section = config.projector
    projector = {"hidden": list(section.hidden), "n_outputs": section.n_outputs, "norm": section.norm}
    return train(
        data,
        config.method.build(),
        encoder={"name": config.encoder.name} | config.encoder.settings,
        weights=config.encoder.weights,
        projector=None if not section.hidden and not section.n_outputs else projector,
        views="auto" if config.views.preset is None else config.views.preset,
        n_views=config.views.n_views,
        relation=relation,
        neighbors=given.neighbors,
        out=config.output.folder,
        resume=resume,
        overwrite=overwrite,
        tensorboard=config.output.tensorboard,
        save_every=config.output.save_every,
        progress=progress,
        **config.training.model_dump(),
        **config.evaluation.model_dump(),
    )
