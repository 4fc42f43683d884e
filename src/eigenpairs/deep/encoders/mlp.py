"""The encoder of rows: fully connected layers, and with none hidden the linear encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from eigenpairs._validate import whole_number


class MLP(nn.Module):
    """Hidden layers of linear map, batch norm and ReLU, then one linear map to the features.

    Inputs of any shape are flattened. With ``hidden=()`` it is linear in its inputs.

    Parameters
    ----------
    n_inputs : entries of one sample
    hidden : widths of the hidden layers
    n_features : width of the output
    norm : batch norm in every hidden layer; the linear maps before it then have no bias

    Raises
    ------
    ValueError, TypeError
        If a width is no whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.encoders import MLP
    >>> MLP(10, hidden=(32,), n_features=4)(torch.zeros(5, 10)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, n_inputs: int, hidden: Sequence[int] = (512, 512), n_features: int = 128, norm: bool = True
    ) -> None:
        super().__init__()
        widths = layer_widths(n_inputs, hidden)
        self.n_features = whole_number(n_features, "n_features", 1)
        self.layers = nn.Sequential(*hidden_layers(widths, norm), nn.Linear(widths[-1], self.n_features))

    def forward(self, x: Tensor) -> Tensor:
        """(b, *shape) to (b, n_features)."""
        return self.layers(x.flatten(1))


def layer_widths(n_inputs: int, hidden: Sequence[int]) -> list[int]:
    """`n_inputs` and the checked widths of the hidden layers."""
    if isinstance(hidden, (str, bytes)) or not hasattr(hidden, "__iter__"):
        raise TypeError(f"hidden = {hidden!r} is not a list of widths; give for instance (512, 512), or () for none")
    given = [whole_number(width, f"hidden[{k}]", 1) for k, width in enumerate(hidden)]
    return [whole_number(n_inputs, "n_inputs", 1), *given]


def hidden_layers(widths: Sequence[int], norm: bool) -> list[nn.Module]:
    """Linear map, batch norm (with `norm`) and ReLU from each width to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, bias=not norm)] + [nn.BatchNorm1d(after)] * norm + [nn.ReLU(inplace=True)]
    return layers
