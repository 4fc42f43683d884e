"""What an encoder is trained on: the inputs of every sample, and sets of labels that training never looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eigenpairs._validate import one_of

DIMENSIONS = {"images": 4, "rows": 2, "series": 3}
KINDS = tuple(DIMENSIONS)
DEVICE_LIMIT = 2 * 2**30
"""Bytes up to which a data set is copied to the device as a whole."""


@dataclass(eq=False)
class Samples:
    """Inputs of one kind and any number of label sets.

    Attributes
    ----------
    inputs : images (n, C, H, W) uint8 or floats in [0, 1], rows (n, d), or series (n, C, T); an array, which may be
        memory-mapped, or a tensor
    kind : ``"images"``, ``"rows"`` or ``"series"``
    labels : name of a label set: codes (n,) int64, -1 for none
    label_names : name of a label set: what its codes 0, 1, ... stand for
    reading : how the source was read, as plain values, for other data to be read alike: `size`, `split`, `layout`
        where they were given, and `labels`, the column of each label set that was taken out of a table

    Raises
    ------
    ValueError
        If the inputs have another number of dimensions than their kind, or labels another length.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.deep.data import Samples
    >>> data = Samples(np.zeros((5, 3, 8, 8), dtype=np.uint8), "images")
    >>> len(data), data.shape, data.take(np.array([4, 0])).shape
    (5, (3, 8, 8), torch.Size([2, 3, 8, 8]))
    """

    inputs: Any
    kind: str
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of(self.kind, "kind", KINDS)
        dimensions = DIMENSIONS[self.kind]
        if self.inputs.ndim != dimensions:
            raise ValueError(f"inputs have shape {tuple(self.inputs.shape)}; {self.kind} have {dimensions} dimensions")
        for name, codes in self.labels.items():
            if codes.shape != (len(self),):
                raise ValueError(
                    f"labels {name!r} have shape {codes.shape}, the data has {len(self)} samples; give one per sample"
                )

    def __len__(self) -> int:
        return self.inputs.shape[0]

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def nbytes(self) -> int:
        """Size of the inputs in bytes."""
        return self.inputs.nbytes

    def to(self, device: Any, limit: int = DEVICE_LIMIT) -> Samples:
        """These samples with their inputs as one tensor on `device`; as they are where they take over `limit` bytes."""
        if self.nbytes > limit:
            return self
        inputs = self.inputs
        if not isinstance(inputs, Tensor):
            inputs = np.ascontiguousarray(inputs)
            inputs = torch.from_numpy(inputs if inputs.flags.writeable else inputs.copy())
        return replace(self, inputs=self._real(inputs).to(device))

    def take(self, index: np.ndarray | Tensor | Sequence[int], device: Any = "cpu") -> Tensor:
        """Inputs (b, ...) of the samples `index` (b,) on `device`, in the stored dtype; integers become float32
        unless they are images.

        A memory-mapped file is read from front to back, whatever the order of `index`.
        """
        if isinstance(self.inputs, Tensor):
            at = torch.as_tensor(index, dtype=torch.int64, device=self.inputs.device)
            return self._real(self.inputs.index_select(0, at)).to(device)
        rows = index.cpu().numpy() if isinstance(index, Tensor) else np.asarray(index, dtype=np.int64)
        if isinstance(self.inputs, np.memmap):
            order = np.argsort(rows, kind="stable")
            chunk = np.empty((len(rows), *self.shape), dtype=self.inputs.dtype)
            chunk[order] = self.inputs[rows[order]]
        else:
            chunk = np.ascontiguousarray(self.inputs[rows])
        batch = self._real(torch.from_numpy(chunk))
        if torch.device(device).type == "cuda":  # pinned, the copy runs beside the computation
            return batch.pin_memory().to(device, non_blocking=True)
        return batch.to(device)

    def subset(self, rows: np.ndarray | Tensor | Sequence[int]) -> Samples:
        """The samples `rows` (m,), with their labels.

        A run of consecutive rows shares the memory of the whole; any other choice of an array is copied into memory.
        """
        at = rows.cpu().numpy() if isinstance(rows, Tensor) else np.asarray(rows)
        at = np.flatnonzero(at) if at.dtype == bool else at.astype(np.int64)
        consecutive = len(at) > 0 and at[0] >= 0 and bool((np.diff(at) == 1).all())
        if consecutive:
            inputs = self.inputs[int(at[0]) : int(at[-1]) + 1]
        elif isinstance(self.inputs, Tensor):
            inputs = self.inputs[torch.as_tensor(at, device=self.inputs.device)]
        else:
            inputs = np.asarray(self.inputs[at])
        return replace(self, inputs=inputs, labels={name: codes[at] for name, codes in self.labels.items()})

    def _real(self, batch: Tensor) -> Tensor:
        return batch if self.kind == "images" or batch.is_floating_point() else batch.float()
