"""Chains of views as published, by name. Each function makes the chain of the view number `view` (0, 1, ...).

Where a source has two different views, even numbers get the first and odd numbers the second. All jitters act in
random order. Images of one channel take every preset (`ColorJitter`, `Grey` and `Normalise` say how).
"""

from __future__ import annotations

from collections.abc import Callable

from eigenpairs._validate import one_of, whole_number
from eigenpairs.deep.views.base import SHAPES
from eigenpairs.deep.views.chain import Chain
from eigenpairs.deep.views.color import ColorJitter, Grey, Normalise, Solarise
from eigenpairs.deep.views.entries import Corruption, Noise, Scaling
from eigenpairs.deep.views.geometry import RandomResizedCrop
from eigenpairs.deep.views.local import GaussianBlur
from eigenpairs.deep.views.series import SeriesCrop, SeriesShift

Size = int | tuple[int, int] | None

CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""Mean and std of the channels, as the public CIFAR-10 recipes have them."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def byol_cifar(size: Size, view: int) -> Chain:
    """CIFAR-10 in the public code of DirectPred (Tian et al. 2021, arXiv 2102.06810), which trains BYOL with it.

    Crop of area 0.08 to 1 (bilinear), flip 0.5, jitter 0.4 0.4 0.4 0.1 with p 0.8, grey 0.2, normalised by `CIFAR`.
    """
    crop = RandomResizedCrop(size, flip=0.5)
    return Chain([crop, ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8), Grey(0.2), Normalise(*CIFAR)])


def simclr_cifar(size: Size, view: int) -> Chain:
    """CIFAR-10 in SimCLR (Chen et al. 2020, arXiv 2002.05709, appendix B.9): half the jitter of ImageNet, no blur.

    Crop of area 0.08 to 1 (bicubic), flip 0.5, jitter 0.4 0.4 0.4 0.1 with p 0.8, grey 0.2, not normalised.
    """
    crop = RandomResizedCrop(size, flip=0.5, interpolation="bicubic")
    return Chain([crop, ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8), Grey(0.2)])


def simclr_imagenet(size: Size, view: int) -> Chain:
    """ImageNet in SimCLR (Chen et al. 2020, arXiv 2002.05709, appendix A).

    Crop of area 0.08 to 1 (bicubic), flip 0.5, jitter 0.8 0.8 0.8 0.2 with p 0.8, grey 0.2, blur of sigma 0.1 to 2
    with p 0.5, not normalised. (The public code draws a factor for brightness, the paper's listing a summand.)
    """
    crop = RandomResizedCrop(size, flip=0.5, interpolation="bicubic")
    return Chain([crop, ColorJitter(0.8, 0.8, 0.8, 0.2, p=0.8), Grey(0.2), GaussianBlur(0.5)])


def byol_imagenet(size: Size, view: int) -> Chain:
    """ImageNet in BYOL (Grill et al. 2020, arXiv 2006.07733, appendix B): two different views.

    Crop of area 0.08 to 1 (bicubic), flip 0.5, jitter 0.4 0.4 0.2 0.1 with p 0.8, grey 0.2, blur of sigma 0.1 to 2 with
    p 1 and 0.1, solarised from 0.5 with p 0 and 0.2, normalised by `IMAGENET`. The public codes of Barlow Twins
    (Zbontar et al. 2021) and VICReg (Bardes et al. 2022) use the same constants: "barlow-imagenet", "vicreg-imagenet".
    """
    blur, solarise = ((1.0, 0.0), (0.1, 0.2))[view % 2]
    return Chain(
        [
            RandomResizedCrop(size, flip=0.5, interpolation="bicubic"),
            ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8),
            Grey(0.2),
            GaussianBlur(blur),
            *([Solarise(solarise)] if solarise else []),
            Normalise(*IMAGENET),
        ]
    )


def rows(size: Size, view: int) -> Chain:
    """Rows of a table: 0.3 of the entries from other rows, in every view (the corruption of VIME, Yoon et al. 2020)."""
    return Chain([Corruption(0.3)])


def scarf(size: Size, view: int) -> Chain:
    """SCARF (Bahri et al. 2022, arXiv 2106.15147): one view unchanged, 0.6 of the entries of the other corrupted."""
    return Chain([Corruption(0.6)] if view % 2 else [])


def series(size: Size, view: int) -> Chain:
    """Time series: a window of 0.5 to 1 of the length, shifted by up to 0.1, scaled by 0.1 and with noise of 0.05.

    Scale and noise are those of Um et al. 2017 (arXiv 1706.00527) for standardised channels; window and shift are ours.
    """
    if isinstance(size, tuple):
        raise ValueError(f"size = {size} has {len(size)} numbers; a series has one length")
    return Chain([SeriesCrop(size), SeriesShift(0.1), Scaling(0.1), Noise(0.05)])


def none(size: Size, view: int) -> Chain:
    """Nothing but float32, and [0, 1] for uint8 images: where pairs come from a relation."""
    return Chain([])


PRESETS: dict[str, Callable[[Size, int], Chain]] = {
    "byol-cifar": byol_cifar,
    "simclr-cifar": simclr_cifar,
    "simclr-imagenet": simclr_imagenet,
    "byol-imagenet": byol_imagenet,
    "barlow-imagenet": byol_imagenet,
    "vicreg-imagenet": byol_imagenet,
    "rows": rows,
    "scarf": scarf,
    "series": series,
    "none": none,
}


def preset(name: str, size: Size = None, n_views: int = 2, kind: str | None = None) -> list[Chain]:
    """The chains of a published recipe, one for each view.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    size : int or (height, width), optional
        Of the images (a series: its length) that come out; without it that of those that go in.
    n_views : int, default 2
    kind : "images", "rows" or "series", optional
        Of the samples the views are for.

    Raises
    ------
    ValueError
        If the name is unknown, or the preset is for samples of another kind.

    Examples
    --------
    >>> from eigenpairs.deep.views import preset
    >>> first, second = preset("byol-imagenet", 224)
    >>> second.names
    ['random-resized-crop', 'color-jitter', 'grey', 'gaussian-blur', 'solarise', 'normalise']
    """
    one_of(name, "preset", tuple(PRESETS))
    fitting = [own for own in PRESETS if kind is None or kind in takes(own)]
    if name not in fitting:
        raise ValueError(
            f"views: the preset {name!r} takes {' and '.join(takes(name))}, not {kind}; for {kind} choose from "
            f"{', '.join(map(repr, fitting))}, or give views of your own"
        )
    return [PRESETS[name](size, view) for view in range(whole_number(n_views, "n_views", 1))]


def takes(name: str) -> list[str]:
    """The kinds of samples that all views of a preset take."""
    views = [view for at in range(2) for view in PRESETS[name](8, at).views]
    return [kind for kind in SHAPES if all(kind in view.kinds for view in views)]
