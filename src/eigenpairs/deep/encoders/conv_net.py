"""A small convolutional encoder for images of 8 to 96 pixels, made for training on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eigenpairs._validate import whole_number


class ConvNet(nn.Module):
    """Convolutions at a half, a half and a quarter of the resolution, a linear map of each pixel, the mean over pixels.

    All convolutions are followed by batch norm and ReLU; resolution is lost by the stride of the first one and by
    max-pooling after the next two.

    Parameters
    ----------
    in_channels : channels of the images
    width : channels of the first layer; the next two have twice and four times as many
    n_features : channels of the last layer and so width of the output

    Raises
    ------
    ValueError, TypeError
        If a number is no whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.encoders import ConvNet
    >>> ConvNet(in_channels=1)(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 256])
    """

    def __init__(self, in_channels: int = 3, width: int = 16, n_features: int = 256) -> None:
        super().__init__()
        width = whole_number(width, "width", 1)
        self.n_features = whole_number(n_features, "n_features", 1)
        self.layers = nn.Sequential(
            *_layer(whole_number(in_channels, "in_channels", 1), width, kernel=3, stride=2),
            *_layer(width, 2 * width, kernel=3),
            nn.MaxPool2d(2),
            *_layer(2 * width, 4 * width, kernel=3),
            nn.MaxPool2d(2),
            *_layer(4 * width, self.n_features, kernel=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, C, H, W) to (b, n_features)."""
        # Channels-last is the faster memory format on CPUs and GPUs alike; every layer keeps the format of its input.
        return self.layers(x.contiguous(memory_format=torch.channels_last)).mean(dim=(2, 3))


def _layer(before: int, after: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
