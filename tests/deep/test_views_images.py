"""Views of images against PIL, scipy, colorsys and torch's own resampling."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from torch.nn.functional import interpolate  # noqa: E402

from eigenpairs.deep.views import (  # noqa: E402
    ColorJitter,
    Draws,
    Erasing,
    Flip,
    GaussianBlur,
    Grey,
    Normalise,
    RandomResizedCrop,
    Solarise,
)

CPU = torch.device("cpu")
BOXES = [(0, 0, 40, 52), (3, 7, 9, 30), (20, 0, 5, 5), (1, 2, 39, 11)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, channels=3, height=12, width=16, seed=0):
    """Bytes with structure at every scale, so that resampling them is no matter of chance."""
    coarse = torch.rand(n, channels, 5, 4, generator=generator(seed))
    smooth = interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    speckle = torch.rand(smooth.shape, generator=generator(seed + 1))
    return (0.7 * smooth + 0.3 * speckle).mul(255).round().to(torch.uint8)


def boxes_drawn(boxes, flipped=False):
    columns = torch.tensor(boxes).T
    names = ("top", "left", "height", "width")
    return dict(zip(names, columns, strict=True)) | {"flipped": torch.full((len(boxes),), flipped)}


def jitter_drawn(n, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, order=0):
    drawn = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    return {name: torch.full((n,), value) for name, value in drawn.items()} | {"order": torch.full((n,), order)}


# ---------------------------------------------------------------- cropping


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(12, 9), (24, 24), (64, 33)])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_crop_is_the_antialiased_resize_of_that_box(kind, size, flipped):
    x = images(len(BOXES), height=40, width=52).float() / 255
    out = RandomResizedCrop(size, interpolation=kind).apply(x, boxes_drawn(BOXES, flipped))
    for row, (top, left, height, width) in enumerate(BOXES):
        box = x[row : row + 1, :, top : top + height, left : left + width]
        wanted = interpolate(box, size=size, mode=kind, antialias=True)[0].clamp(0, 1)
        wanted = wanted.flip(-1) if flipped else wanted
        worst = (out[row] - wanted).abs().max()
        assert worst < 1e-5, f"box {BOXES[row]} to {size}: off by {worst:.2g}"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_box_of_any_image_is_resized_as_torch_does_it(data):
    # widths from two: torch 2.13 repeats the first row where images go in, or come out, one pixel wide
    height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(2, 30))
    box_height, box_width = data.draw(st.integers(1, height)), data.draw(st.integers(2, width))
    top, left = data.draw(st.integers(0, height - box_height)), data.draw(st.integers(0, width - box_width))
    size = data.draw(st.integers(1, 20)), data.draw(st.integers(2, 20))
    kind = data.draw(st.sampled_from(["bilinear", "bicubic"]))
    x = torch.rand(1, 3, height, width, generator=generator())
    drawn = boxes_drawn([(top, left, box_height, box_width)])
    out = RandomResizedCrop(size, interpolation=kind).apply(x, drawn)
    box = x[:, :, top : top + box_height, left : left + box_width]
    wanted = interpolate(box, size=size, mode=kind, antialias=True).clamp(0, 1)
    assert torch.allclose(out, wanted, atol=1e-5), f"box {(top, left, box_height, box_width)} differs"


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [8, 24, 48])
def test_a_crop_agrees_with_pil_within_two_grey_levels(kind, size):
    Image = pytest.importorskip("PIL.Image", reason="comes with the extra vision")
    x = images(len(BOXES), height=40, width=52)
    out = RandomResizedCrop(size, interpolation=kind).apply(x, boxes_drawn(BOXES))
    for row, (top, left, height, width) in enumerate(BOXES):
        picture = Image.fromarray(x[row].permute(1, 2, 0).numpy()).crop((left, top, left + width, top + height))
        wanted = np.asarray(picture.resize((size, size), getattr(Image.Resampling, kind.upper())), dtype=np.float64)
        worst = np.abs(255 * out[row].permute(1, 2, 0).numpy() - wanted).max()
        assert worst <= 2, f"box {BOXES[row]} to {size}: {worst:.2f} grey levels from PIL"


def test_the_whole_image_at_its_own_size_is_itself():
    x = images(height=32, width=32)
    out, _ = RandomResizedCrop(scale=(1, 1), ratio=(1, 1))(x, generator())
    assert torch.allclose(out, x / 255, atol=1e-6), "scale 1 and ratio 1 changed the image"


def test_drawn_boxes_lie_inside_and_have_the_stated_areas_and_shapes():
    n, height, width = 20000, 200, 300
    _, drawn = RandomResizedCrop(8)(torch.zeros(n, 1, 1, 1).expand(n, 1, height, width)[:0], generator())
    assert drawn["top"].shape == (0,), "an empty batch draws nothing"
    fits, box = Draws(CPU, generator()).boxes(n, (height, width), (0.08, 0.5), (3 / 4, 4 / 3))
    assert fits.all(), "boxes of up to half the area always fit in ten attempts here"
    assert (box["top"] >= 0).all() and (box["top"] + box["height"] <= height).all(), "a box leaves the image"
    assert (box["left"] >= 0).all() and (box["left"] + box["width"] <= width).all(), "a box leaves the image"
    share = (box["height"] * box["width"]).double() / (height * width)
    ratio = torch.log(box["width"].double() / box["height"])
    assert share.min() > 0.078 and share.max() < 0.505, f"areas from {share.min()} to {share.max()}"
    assert ratio.abs().max() < np.log(4 / 3) + 0.03, f"log ratios up to {ratio.abs().max()}"
    for name, values, low, high in (("area", share, 0.08, 0.5), ("log ratio", ratio, np.log(3 / 4), np.log(4 / 3))):
        standard = (values - low) / (high - low)
        quantiles = torch.quantile(standard, torch.linspace(0.1, 0.9, 9, dtype=torch.float64))
        assert torch.allclose(quantiles, torch.linspace(0.1, 0.9, 9).double(), atol=0.02), f"{name} is not uniform"


def test_where_no_box_fits_the_largest_centred_one_within_the_ratio_is_taken():
    fits, box = Draws(CPU, generator()).boxes(5, (10, 100), (1.0, 1.0), (0.5, 2.0))
    assert not fits.any() and (box["height"] == 10).all() and (box["width"] == 20).all() and (box["left"] == 40).all()


def test_flipping_twice_gives_the_image_back():
    x = images().float() / 255
    flip = Flip(1.0)
    once = flip(x)[0]
    assert torch.equal(once, x.flip(-1)) and torch.equal(flip(once)[0], x)


# ------------------------------------------------------------------ colours


@pytest.mark.parametrize(
    ("name", "enhance"), [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")]
)
@pytest.mark.parametrize("factor", [0.0, 0.3, 0.9, 1.7])
def test_brightness_contrast_and_saturation_are_those_of_pil(name, enhance, factor):
    Image = pytest.importorskip("PIL.Image", reason="comes with the extra vision")
    ImageEnhance = pytest.importorskip("PIL.ImageEnhance", reason="comes with the extra vision")
    x = images()
    out = ColorJitter().apply(x, jitter_drawn(len(x), **{name: factor}))
    for row, image in enumerate(x):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        wanted = np.asarray(getattr(ImageEnhance, enhance)(picture).enhance(factor), dtype=np.float64)
        worst = np.abs(255 * out[row].permute(1, 2, 0).numpy() - wanted).max()
        assert worst <= 2, f"{name} {factor}: {worst:.2f} grey levels from PIL, which rounds the grey"


@pytest.mark.parametrize("turns", [-0.5, -0.3, 0.0, 0.05, 0.2, 1 / 3, 0.5])
def test_hue_is_shifted_as_in_hsv(turns):
    x = images(4)
    x[0, :, 0] = torch.tensor([255, 0, 0])[:, None]
    x[0, :, 1] = torch.tensor([0, 255, 255])[:, None]
    x[0, :, 2] = 77
    x[1] = (x[1] > 128) * 255
    out = ColorJitter().apply(x, jitter_drawn(4, hue=turns))
    for got, pixel in zip(out.permute(0, 2, 3, 1).reshape(-1, 3), x.permute(0, 2, 3, 1).reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255).tolist())
        wanted = colorsys.hsv_to_rgb((hue + turns) % 1.0, saturation, value)
        assert np.allclose(got, wanted, atol=2e-6), (
            f"{pixel.tolist()} turned by {turns}: {got.tolist()} is not {wanted}"
        )


def test_a_full_turn_of_hue_and_neutral_factors_change_nothing():
    x = images().float() / 255
    turned = ColorJitter().apply(x, jitter_drawn(len(x), hue=1.0))
    assert torch.allclose(turned, x, atol=2e-6), "a full turn of hue changed colours"
    assert torch.equal(ColorJitter().apply(x, jitter_drawn(len(x))), x), "neutral parameters changed the image"
    assert torch.allclose(ColorJitter(0, 0, 0, 0, p=1.0)(x, generator())[0], x), "a jitter of strength 0 changed it"


@pytest.mark.parametrize("order", [0, 5, 9, 16, 23])
def test_the_order_drawn_is_the_order_of_the_steps(order):
    from itertools import permutations

    x = images().float() / 255
    amounts = {"brightness": 1.5, "contrast": 0.4, "saturation": 1.8, "hue": 0.2}
    names = [list(amounts)[step] for step in list(permutations(range(4)))[order]]
    wanted = x
    for name in names:
        wanted = ColorJitter().apply(wanted, jitter_drawn(len(x), **{name: amounts[name]}))
    out = ColorJitter().apply(x, jitter_drawn(len(x), **amounts, order=order))
    assert torch.allclose(out, wanted, atol=1e-6), f"order {order} is not {', '.join(names)}"


def test_orders_and_amounts_are_drawn_for_every_sample():
    _, drawn = ColorJitter(0.4, 0.3, 0.2, 0.1, p=0.8)(torch.rand(4000, 3, 1, 1), generator())
    assert drawn["order"].unique().tolist() == list(range(24)), "not every order occurs"
    changed = drawn["hue"] != 0
    assert abs(changed.float().mean() - 0.8) < 0.03, "p is not 0.8"
    for name, strength in (("brightness", 0.4), ("contrast", 0.3), ("saturation", 0.2)):
        values = drawn[name][changed]
        assert (drawn[name][~changed] == 1).all(), f"{name} of samples left out is not neutral"
        assert values.min() >= 1 - strength and values.max() <= 1 + strength, f"{name} leaves its range"
        assert abs(values.std() - strength / np.sqrt(3)) < 0.01 and len(values.unique()) > 3000, f"{name} not uniform"
    fixed = ColorJitter(random_order=False)(torch.rand(50, 3, 1, 1), generator())[1]["order"]
    assert (fixed == 0).all(), "random_order=False draws orders"


def test_grey_has_equal_channels_and_the_luma_of_the_standard():
    x = images().float() / 255
    out = Grey(1.0)(x)[0]
    wanted = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    assert all(torch.allclose(out[:, channel], wanted, atol=1e-6) for channel in range(3))


def test_one_channel_counts_as_three_equal_ones():
    x = images(200, channels=1, height=6, width=5)
    for view in (ColorJitter(), Grey(0.5), Solarise(0.5), GaussianBlur(), RandomResizedCrop(4, flip=0.5), Erasing()):
        one, drawn = view(x, generator())
        three = view.apply(x.expand(-1, 3, -1, -1), drawn)
        assert torch.allclose(three, one.expand_as(three), atol=1e-5), f"{view}: one channel differs from three equal"


def test_solarising_turns_bright_values_over():
    x = torch.tensor([0.0, 0.49, 0.5, 1.0]).reshape(1, 1, 2, 2)
    assert torch.allclose(Solarise(1.0)(x)[0].flatten(), torch.tensor([0.0, 0.49, 0.5, 0.0]))


def test_normalising_takes_one_value_for_each_channel():
    x = images().float() / 255
    out = Normalise((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))(x)[0]
    assert torch.allclose(out[:, 2], (x[:, 2] - 0.6) / 0.3, atol=1e-6)
    assert torch.allclose(Normalise((0.4, 0.5, 0.6), (0.2,))(x[:, :1])[0], (x[:, :1] - 0.5) / 0.2, atol=1e-6)
    with pytest.raises(ValueError, match="2 values for 3 channels"):
        Normalise((0.4, 0.5), (0.2,))(x)


# ------------------------------------------------------------ blur, erasing


def test_blur_is_scipys_gaussian_filter():
    x = images(5, height=30, width=21).float() / 255
    sigma = torch.tensor([0.1, 0.5, 1.0, 1.7, 0.0])
    out = GaussianBlur(radius=6).apply(x, {"sigma": sigma})
    for row, width in enumerate(sigma.tolist()[:-1]):
        wanted = gaussian_filter(x[row].double().numpy(), width, axes=(1, 2), mode="mirror", radius=6)
        assert np.allclose(out[row], wanted, atol=1e-6), f"sigma {width} is not scipy's"
    assert torch.equal(out[-1], x[-1]), "width 0 blurred"


def test_erasing_fills_the_drawn_box_and_nothing_else():
    x = torch.rand(400, 3, 20, 30) + 1e-3
    out, drawn = Erasing(p=0.6, value=0.0)(x.clamp(max=1), generator())
    area = (drawn["height"] * drawn["width"]).double()
    gone = (out == 0).all(dim=1)
    assert torch.equal(gone.sum(dim=(1, 2)).double(), area), "what is erased is not the box"
    assert torch.equal(torch.where(gone[:, None], 0.0, x.clamp(max=1)), out), "something else changed"
    share = area[area > 0] / 600
    assert share.min() > 0.015 and share.max() < 0.36 and abs((area > 0).double().mean() - 0.6) < 0.08
    row = int(area.argmax())
    rows, columns = gone[row].any(dim=1).nonzero(), gone[row].any(dim=0).nonzero()
    assert (rows.min(), columns.min()) == (drawn["top"][row], drawn["left"][row]), "the box is elsewhere"
