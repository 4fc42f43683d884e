"""Models on disk: a folder with `model.safetensors` (numbers) and `model.json` (a card that people can read).

Nothing in it can execute code: arrays are safetensors, classes are named and looked up in a fixed table. Both files
carry a checksum, so damage is found before anything is used.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs.features import FEATURES
from eigenpairs.files import check_folder, replacing_folder
from eigenpairs.objective import OBJECTIVES, Optimum
from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.modes import ColumnModes, ModeMoments
from eigenpairs.spectrum.spectrum import Spectrum

if TYPE_CHECKING:
    from eigenpairs.estimator import SpectralSSL

    Model = Spectrum | Embedding | SpectralSSL

FORMAT_VERSION = "1.0"
"""Major: a reader of another major version cannot read it. Minor: older readers may."""

CARD, TENSORS = "model.json", "model.safetensors"
RUN_CARD = "run.json"
"""In the folder of a training run, which `load` hands to `deep`."""


def save(model: Model, path: str | os.PathLike, overwrite: bool = False) -> None:
    """Write a Spectrum, Embedding or SpectralSSL to the folder `path`.

    The folder appears complete or not at all. The rows a spectrum was fitted on are not saved.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False, or holds files that are no model.
    TypeError
        If the model is of another kind, or a parameter of it cannot be written as JSON.

    Examples
    --------
    >>> import numpy as np, tempfile, eigenpairs as ep
    >>> X = np.random.default_rng(0).standard_normal((100, 4))
    >>> spec = ep.spectrum(X, ep.Relation.from_views(50, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ep.save(spec.embed(ep.VICReg(), 2), f"{folder}/model")
    ...     ep.load(f"{folder}/model").transform(X).shape
    (100, 2)
    """
    from safetensors.numpy import save as to_bytes

    card, tensors = _dump(model)
    blob = to_bytes({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    card = {"format": "eigenpairs", "format_version": FORMAT_VERSION, "package_version": package_version()} | card
    card["shapes"] = {name: list(value.shape) for name, value in tensors.items()}
    card["sha256"] = hashlib.sha256(blob).hexdigest()
    try:
        card["card_sha256"] = card_checksum(card)
    except (TypeError, ValueError) as error:
        raise TypeError(f"a parameter of this {type(model).__name__} cannot be written to {CARD}: {error}") from None
    with replacing_folder(path, overwrite, only={CARD, TENSORS}) as folder:
        (folder / TENSORS).write_bytes(blob)
        (folder / CARD).write_text(json.dumps(card, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def check_free(path: str | os.PathLike, overwrite: bool = False) -> None:
    """Raise now if `save` to `path` would be refused: before the work, not after it."""
    check_folder(path, overwrite, only={CARD, TENSORS})


def is_run(path: str | os.PathLike) -> bool:
    """Whether the folder is that of a training run (`eigenpairs.deep`) and no model."""
    return (Path(path) / RUN_CARD).is_file()


def load(path: str | os.PathLike) -> Any:
    """The model that `save` wrote to the folder `path`, or the `Run` that `deep.train` did.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If it is damaged, not ours, or written by a newer major version; the message says which.

    Examples
    --------
    >>> import eigenpairs as ep
    >>> ep.load("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: nowhere holds no model.json; give a folder written by eigenpairs
    """
    from safetensors.numpy import load as from_bytes

    if is_run(path):
        from eigenpairs.deep import load_run

        return load_run(path)
    card = read_card(path)
    file = Path(path) / TENSORS
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: the model is incomplete, copy the whole folder")
    blob = file.read_bytes()
    if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise ValueError(f"{file} does not match its checksum in {CARD}: it is truncated, changed, or of another model")
    tensors = from_bytes(blob)
    try:
        return _restore(card, tensors)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{Path(path) / CARD} lacks or mistypes an entry ({error}); save the model again") from None


def read_card(path: str | os.PathLike) -> dict[str, Any]:
    """The checked content of `model.json`."""
    file = Path(path) / CARD
    if not file.is_file():
        raise FileNotFoundError(f"{path} holds no {CARD}; give a folder written by eigenpairs")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not readable JSON ({error}): truncated or not ours") from None
    if not isinstance(card, dict) or card.get("format") != "eigenpairs":
        raise ValueError(f"{file} is not an eigenpairs model")
    version = str(card.get("format_version", ""))
    if not version.split(".")[0].isdigit():
        raise ValueError(f"{file} has the format version {version!r}, which is none of ours")
    if int(version.split(".")[0]) > int(FORMAT_VERSION.split(".")[0]):
        raise ValueError(
            f"{file} has format version {version}, this eigenpairs reads up to {FORMAT_VERSION}; "
            "install a newer eigenpairs"
        )
    given = card.pop("card_sha256", None)
    if given != card_checksum(card):
        raise ValueError(f"{file} does not match its own checksum: it was changed by hand or damaged")
    return card


def card_checksum(card: dict[str, Any]) -> str:
    """sha256 of a card's content, whatever its order and spacing."""
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def package_version() -> str:
    """Of this package."""
    import eigenpairs

    return eigenpairs.__version__


def _dump(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if isinstance(model, Spectrum):
        return _dump_spectrum(model)
    if isinstance(model, Embedding):
        return _dump_embedding(model)
    if type(model).__name__ == "SpectralSSL":
        if not hasattr(model, "embedding_"):
            raise ValueError("this SpectralSSL is not fitted; call fit before saving it")
        embedding_card, tensors = _dump_embedding(model.embedding_)
        params = model.get_params(deep=False)
        for name in ("objective", "features"):  # None stays None, an object is in the embedding's card
            params[name] = None if params[name] is None else "as fitted"
        names = getattr(model, "feature_names_in_", None)
        own = {"estimator": params, "feature_names": None if names is None else [str(name) for name in names]}
        return embedding_card | {"kind": "SpectralSSL"} | own, tensors
    raise TypeError(f"cannot save a {type(model).__name__}; ep.save takes a Spectrum, an Embedding or a SpectralSSL")


def _dump_spectrum(spec: Spectrum) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    tensors = {"rho": spec.rho} | ({} if spec.values is None else {"values": spec.values})
    features = spec.features
    card: dict[str, Any] = {
        "kind": "Spectrum",
        "features": [_named(part) for part in features] if isinstance(features, tuple) else _named(features),
        "weighting": spec.weighting,
        "n_samples": spec.n_samples,
        "rank": spec.rank,
        "ridge": list(spec.ridge) if isinstance(spec.ridge, tuple) else spec.ridge,
        "faithful": spec.faithful,
        "rho": [float(value) for value in spec.rho],
    }
    if spec.modes:
        inputs = [modes.feature_map.n_inputs for modes in spec.modes]
        card["n_inputs"] = inputs if len(inputs) > 1 else inputs[0]
    for tower, modes in enumerate(spec.modes):
        tensors |= {_prefix(tower) + name: value for name, value in modes.state().items()}
    for tower, moments in enumerate(spec.moments):
        tensors |= {_prefix(tower) + f"moments.{name}": value for name, value in vars(moments).items()}
    return card, tensors


def _prefix(tower: int) -> str:
    """What the names of a tower's tensors begin with; a model of one tower has plain names."""
    return "" if tower == 0 else f"tower{tower}."


def _dump_embedding(emb: Embedding) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    card, tensors = _dump_spectrum(emb.spectrum)
    best = emb.optimum
    card["kind"] = "Embedding"
    card["objective"] = _named(emb.objective)
    card["optimum"] = {
        "loss": _or_none(best.loss),
        "exact": best.exact,
        "lower_bound": _or_none(best.lower_bound),
        "note": best.note,
        "constant": best.constant,
        "rank": best.rank,
    }
    return card, tensors | {"map": emb.map, "gains": best.gains}


def _named(value: Any) -> dict[str, Any]:
    return {"class": type(value).__name__, "params": value.get_params()}


def _make(entry: dict[str, Any], table: dict[str, type], what: str) -> Any:
    if entry["class"] not in table:
        raise ValueError(f"{what} {entry['class']!r} is unknown to this version; it knows {', '.join(sorted(table))}")
    return table[entry["class"]](**entry["params"])


def _restore(card: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    kind = card["kind"]
    spec = _restore_spectrum(card, tensors)
    if kind == "Spectrum":
        return spec
    if kind not in ("Embedding", "SpectralSSL"):
        raise ValueError(f"kind {kind!r} is unknown to this version of eigenpairs")
    best = card["optimum"]
    optimum = Optimum(
        tensors["gains"], _or_nan(best["loss"]), best["exact"], _or_nan(best["lower_bound"]), best["note"],
        constant=best["constant"],
    )  # fmt: skip
    embedding = Embedding(spec, _make(card["objective"], OBJECTIVES, "objective"), optimum, tensors["map"])
    if kind == "Embedding":
        return embedding
    from eigenpairs.estimator import SpectralSSL

    params = dict(card["estimator"])
    params["objective"] = None if params["objective"] is None else embedding.objective
    params["features"] = None if params["features"] is None else spec.features
    return SpectralSSL(**params)._hold(embedding, card["feature_names"])


def _or_none(value: float) -> float | str | None:
    """JSON has neither nan nor infinities."""
    return value if np.isfinite(value) else None if np.isnan(value) else str(value)


def _or_nan(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)


def _restore_spectrum(card: dict[str, Any], tensors: dict[str, np.ndarray]) -> Spectrum:
    several = isinstance(card["features"], list)
    features = [_make(entry, FEATURES, "features") for entry in _listed(card["features"])]
    inputs = _listed(card.get("n_inputs", []))
    modes = tuple(_restore_modes(features[at], n, _prefix(at), tensors) for at, n in enumerate(inputs))
    return Spectrum(
        tensors["rho"], card["rank"], (features[0], features[1]) if several else features[0], card["weighting"],
        card["n_samples"], modes, tensors.get("values"), tuple(card["ridge"]) if several else card["ridge"],
        card["faithful"], _restore_moments(tensors),
    )  # fmt: skip


def _listed(entry: Any) -> list[Any]:
    return entry if isinstance(entry, list) else [entry]


def _restore_moments(tensors: dict[str, np.ndarray]) -> tuple[ModeMoments, ...]:
    held = [tower for tower in (0, 1) if f"{_prefix(tower)}moments.mean" in tensors]
    parts = [[tensors[f"{_prefix(tower)}moments.{name}"] for name in ("mean", "covariance")] for tower in held]
    return tuple(ModeMoments(*part) for part in parts)


def _restore_modes(features: Any, n_inputs: int, prefix: str, tensors: dict[str, np.ndarray]) -> ColumnModes:
    own = f"{prefix}features."
    state = {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}
    return ColumnModes(features.restored(n_inputs, state), tensors[f"{prefix}mean"], tensors[f"{prefix}weights"])
