"""Residual networks as torchvision defines them, without its classifier and with a stem chosen by name.

The modules have torchvision's names, so a state dict of its ResNet fits the ``imagenet`` stem once the entries of
``fc`` are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eigenpairs._validate import one_of, whole_number

STEMS = ("cifar", "imagenet")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(before, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(before, width, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the stride is in the 3x3, as in torchvision ("v1.5")."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(before, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, 4 * width, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A residual network of four stages and the mean over pixels.

    Parameters
    ----------
    block : `BasicBlock` or `Bottleneck`
    depths : blocks in each of the four stages
    stem : ``"imagenet"``: 7x7 convolution with stride 2 and 3x3 max-pooling with stride 2 (images of about 224
        pixels); ``"cifar"``: 3x3 convolution with stride 1 and no pooling (images of about 32 pixels)
    in_channels : channels of the images
    zero_init : the last norm of every block begins at 0, so that each block begins as its shortcut; False as in
        torchvision

    Notes
    -----
    Convolutions begin as normal draws with variance 2 / fan_out, norms as the identity (He et al. 2015 and 2016;
    `zero_init`: Goyal et al. 2017).
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        stem: str = "imagenet",
        in_channels: int = 3,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        small = one_of(stem, "stem", STEMS) == "cifar"
        in_channels = whole_number(in_channels, "in_channels", 1)
        self.conv1 = _convolution(in_channels, 64, 3) if small else _convolution(in_channels, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        before, width = 64, 64
        for stage, depth in enumerate(depths, start=1):
            blocks = []
            for at in range(depth):
                blocks.append(block(before, width, stride=2 if at == 0 and stage > 1 else 1))
                before = width * block.expansion
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            width *= 2
        self.n_features = before
        self._initialise(zero_init)

    def forward(self, x: Tensor) -> Tensor:
        """(b, C, H, W) to (b, n_features)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)

    def _initialise(self, zero_init: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init and isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.zeros_(module.last_norm.weight)


def resnet18(stem: str = "imagenet", in_channels: int = 3, zero_init: bool = False) -> ResNet:
    """ResNet-18: 512 features; parameters as in `ResNet`.

    Examples
    --------
    >>> from eigenpairs.deep.encoders import resnet18
    >>> net = resnet18(stem="cifar")
    >>> net.n_features, sum(parameter.numel() for parameter in net.parameters())
    (512, 11168832)
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), stem, in_channels, zero_init)


def resnet50(stem: str = "imagenet", in_channels: int = 3, zero_init: bool = False) -> ResNet:
    """ResNet-50: 2048 features; parameters as in `ResNet`.

    Examples
    --------
    >>> from eigenpairs.deep.encoders import resnet50
    >>> resnet50(stem="imagenet").n_features
    2048
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), stem, in_channels, zero_init)


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)


def _shortcut(before: int, after: int, stride: int) -> nn.Sequential | None:
    """A 1x1 convolution where the shape changes on the way, otherwise nothing."""
    if before == after and stride == 1:
        return None
    return nn.Sequential(_convolution(before, after, 1, stride), nn.BatchNorm2d(after))
