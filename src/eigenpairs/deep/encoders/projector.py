"""The projector between the encoder's features and the loss."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from eigenpairs._validate import whole_number
from eigenpairs.deep.encoders.mlp import hidden_layers, layer_widths


class Projector(nn.Module):
    """Hidden layers of linear map, batch norm and ReLU, then one linear map; with no layer at all the identity.

    Parameters
    ----------
    n_inputs : width of the encoder's features
    hidden : widths of the hidden layers
    n_outputs : width of the output, None for no map after the hidden layers
    norm : batch norm in every hidden layer; the linear maps before it then have no bias
    last_norm : a batch norm without learned scale and shift after the last map, which then has no bias (the bias
        would be subtracted again)

    Raises
    ------
    ValueError
        If a width is no whole number of at least 1, or `last_norm` is set where there is no last map.

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.encoders import Projector
    >>> Projector(256, hidden=(512,), n_outputs=64)(torch.zeros(5, 256)).shape
    torch.Size([5, 64])
    >>> Projector(256, hidden=(), n_outputs=None)(torch.zeros(5, 256)).shape
    torch.Size([5, 256])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int] = (512,),
        n_outputs: int | None = 128,
        norm: bool = True,
        last_norm: bool = False,
    ) -> None:
        super().__init__()
        widths = layer_widths(n_inputs, hidden)
        layers = hidden_layers(widths, norm)
        if n_outputs is not None:
            layers.append(nn.Linear(widths[-1], whole_number(n_outputs, "n_outputs", 1), bias=not last_norm))
        if last_norm:
            if n_outputs is None:
                raise ValueError("last_norm = True needs a last map to follow; give n_outputs")
            layers.append(nn.BatchNorm1d(n_outputs, affine=False))
        self.n_inputs = widths[0]
        self.n_outputs = widths[-1] if n_outputs is None else int(n_outputs)
        self.layers = nn.Sequential(*layers)

    def forward(self, h: Tensor) -> Tensor:
        """(b, n_inputs) to (b, n_outputs)."""
        return self.layers(h)
