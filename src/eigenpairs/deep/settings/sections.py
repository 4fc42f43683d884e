"""The sections of a configuration: one model each, with defaults and what goes together within it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from eigenpairs.deep.encoders.by_name import ENCODERS
from eigenpairs.deep.methods import METHODS, Method, build_method, method_parameters
from eigenpairs.deep.settings.one_line import not_allowed, unknown
from eigenpairs.deep.training.optimizers import default_learning_rate
from eigenpairs.deep.views.presets import PRESETS

try:
    from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "settings of a run need pydantic; install it with: pip install 'eigenpairs[deep]' (or pip install pydantic)"
    ) from None


def _resolved(path: Path, info: ValidationInfo) -> Path:
    """Relative paths in a file are relative to its folder."""
    return Path((info.context or {}).get("folder", ""), path.expanduser())


def _plain(values: Any) -> Any:
    """NumPy's numbers as Python's."""
    if not isinstance(values, dict):
        return values
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}


def _column_or_path(place: Path, info: ValidationInfo) -> Path:
    """A bare name that is no file beside the configuration stays as it is: it may be a column of the data."""
    path = _resolved(place, info)
    bare = place.name == str(place) and not place.suffix
    return place if bare and not path.exists() else path


AnyPath = Annotated[Path, Field(strict=False), AfterValidator(_resolved)]
ColumnOrPath = Annotated[Path, Field(strict=False), AfterValidator(_column_or_path)]
Count = Annotated[int, Field(ge=1)]
Sizes = Annotated[tuple[Count, ...], Field(strict=False)]
DEVICE = {"allowed": "one of 'auto', 'cpu', 'cuda', 'cuda:0' (or another number), 'mps'"}


class Section(BaseModel):
    """A section: unknown keys are refused, nothing is converted but lists to tuples and texts to paths."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    _numbers = model_validator(mode="before")(_plain)


class FreeSection(Section):
    """A section that also takes the parameters of what it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters given beside the name."""
        return dict(self.model_extra or {})


class Data(Section):
    """What is trained on, which labels are watched, and who is a positive pair; the first six as for `samples`."""

    path: AnyPath
    kind: Literal["images", "rows", "series"] | None = None
    size: Count | None = None
    split: Literal["train", "test", "unlabeled", "all"] | None = None
    layout: Literal["channels-first", "channels-last"] | None = None
    cache: AnyPath | None = None
    labels: dict[str, ColumnOrPath] = {}
    pairs: AnyPath | None = None
    neighbors: Count | None = None

    @model_validator(mode="after")
    def _one_relation(self) -> Data:
        if self.pairs is not None and self.neighbors is not None:
            raise ValueError(f"neighbors: {self.neighbors} beside pairs; positives come from one of them, remove one")
        return self


class Views(Section):
    """How positives are made from one sample."""

    preset: str | None = None
    n_views: Count = 2

    @model_validator(mode="after")
    def _known(self) -> Views:
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(not_allowed("preset", self.preset, PRESETS))
        return self


class Encoder(FreeSection):
    """The network whose features are wanted; `weights` is the folder of a run to begin from."""

    name: str = "auto"
    weights: AnyPath | None = None

    @model_validator(mode="after")
    def _known(self) -> Encoder:
        if self.name not in ("auto", *ENCODERS) and not self.name.startswith("timm:"):
            raise ValueError(not_allowed("name", self.name, ("auto", *ENCODERS, "timm:MODEL")))
        return self


class Projector(Section):
    """The layers between the features and the loss; hidden = [] with n_outputs = 0 means none."""

    hidden: Sizes = (512,)
    n_outputs: Annotated[int, Field(ge=0)] = 128
    norm: bool = True

    @model_validator(mode="after")
    def _ends(self) -> Projector:
        if self.hidden and not self.n_outputs:
            raise ValueError("n_outputs: 0 means no projector, which needs hidden = []; or give 1 or more outputs")
        return self


class MethodSettings(FreeSection):
    """What is trained for."""

    name: str = "vicreg"

    @model_validator(mode="after")
    def _known(self) -> MethodSettings:
        if self.name not in METHODS:
            raise ValueError(not_allowed("name", self.name, METHODS))
        for key in self.settings:
            if key not in method_parameters(self.name):
                raise ValueError(unknown(key, method_parameters(self.name), f"key of {self.name}"))
        try:
            self.build()
        except (TypeError, ValueError) as error:
            raise ValueError(re.sub(r"^(\w+) = ", r"\1: ", str(error))) from None
        return self

    def build(self) -> Method:
        """The method with these parameters."""
        return build_method(self.name, **self.settings)


class Training(Section):
    """How the weights are found.

    `lr` and `weight_decay` default to those of the optimiser (`optimizers.default_learning_rate` and
    `default_weight_decay`; a method's own weight decay comes before the latter); `warmup_epochs` to a tenth of the
    epochs and at most 10, with the constant schedule to none. `accumulate` is the number of parts in which a batch goes
    through the network; the loss always sees the whole batch.
    """

    epochs: Count = 100
    batch_size: Annotated[int, Field(ge=2)] = 256
    accumulate: Count = 1
    optimizer: Literal["sgd", "adamw", "lars"] = "adamw"
    lr: Annotated[float, Field(gt=0)] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    decay_norm_and_bias: bool = False
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] | None = None
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    precision: Annotated[Literal["32", "bf16"], BeforeValidator(lambda x: "32" if x == 32 else x)] = "32"
    channels_last: bool = False
    compile: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", json_schema_extra=DEVICE)] = "auto"
    threads: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _fit_together(self) -> Training:
        if self.batch_size % self.accumulate:
            raise ValueError(f"accumulate: {self.accumulate} does not divide batch_size = {self.batch_size}")
        if (self.warmup_epochs or 0) > self.epochs:
            raise ValueError(f"warmup_epochs: {self.warmup_epochs:g} is more than epochs = {self.epochs}")
        if self.optimizer == "adamw" and self.momentum != 0.9:
            raise ValueError(f"momentum: {self.momentum:g} has no place in adamw; leave it out, or use 'sgd' or 'lars'")
        return self

    @property
    def learning_rate(self) -> float:
        """`lr` with its default filled in."""
        return default_learning_rate(self.optimizer, self.batch_size) if self.lr is None else self.lr

    @property
    def warmup(self) -> float:
        """`warmup_epochs` with its default filled in."""
        if self.warmup_epochs is not None:
            return self.warmup_epochs
        return min(10.0, self.epochs / 10) if self.schedule == "cosine" else 0.0


class Evaluation(Section):
    """What is measured on the way, every so many epochs (0: never), on so many sources."""

    every: Annotated[int, Field(ge=0)] = 1
    certificate_every: Annotated[int, Field(ge=0)] = 5
    rows: Annotated[int, Field(ge=2)] = 2000
    n_neighbors: Count = 20
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2


class Output(Section):
    """Where the run is written."""

    folder: AnyPath
    tensorboard: bool = False
    save_every: Count = 1
