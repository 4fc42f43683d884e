"""A small convolutional encoder for time series."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from eigenpairs._validate import whole_number


class SeriesNet(nn.Module):
    """Four stages of 1-d convolution, batch norm and ReLU, each at half the resolution, then the mean over time.

    Series of any length are taken; shorter than 16 steps they shrink to a single one before the mean.

    Parameters
    ----------
    in_channels : channels of the series
    width : channels of the first stage; the next have twice, four times and `n_features`
    n_features : width of the output
    kernel : steps a convolution sees, an odd number

    Raises
    ------
    ValueError, TypeError
        If a number is no whole number of at least 1, or `kernel` is even.

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.encoders import SeriesNet
    >>> SeriesNet(in_channels=2)(torch.zeros(5, 2, 100)).shape
    torch.Size([5, 128])
    """

    def __init__(self, in_channels: int = 1, width: int = 32, n_features: int = 128, kernel: int = 7) -> None:
        super().__init__()
        width = whole_number(width, "width", 1)
        if whole_number(kernel, "kernel", 1) % 2 == 0:
            raise ValueError(f"kernel = {kernel} is even; give an odd number, so that the steps stay centred")
        self.n_features = whole_number(n_features, "n_features", 1)
        widths = [whole_number(in_channels, "in_channels", 1), width, 2 * width, 4 * width, self.n_features]
        self.layers = nn.Sequential(*(layer for pair in pairwise(widths) for layer in _stage(*pair, kernel=kernel)))

    def forward(self, x: Tensor) -> Tensor:
        """(b, C, T) to (b, n_features)."""
        return self.layers(x).mean(dim=2)


def _stage(before: int, after: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv1d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
