"""What holds for every view and every preset: independence, repeatability, and what goes in and comes out."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.views import (  # noqa: E402
    PRESETS,
    Chain,
    ColorJitter,
    Corruption,
    Erasing,
    Flip,
    GaussianBlur,
    Grey,
    Masking,
    Noise,
    Normalise,
    RandomResizedCrop,
    Scaling,
    SeriesCrop,
    SeriesShift,
    Solarise,
    as_rows_view,
    preset,
)
from eigenpairs.deep.views.cache import at_once  # noqa: E402

IMAGE_VIEWS = [
    RandomResizedCrop(9, flip=0.5),
    RandomResizedCrop((14, 7), interpolation="bicubic"),
    Flip(),
    ColorJitter(),
    ColorJitter(0.8, 0.8, 0.8, 0.2, p=1.0, random_order=False),
    Grey(0.5),
    GaussianBlur(),
    Solarise(0.5),
    Erasing(),
    Normalise((0.5,), (0.5,)),
]
ROW_VIEWS = [Noise(), Masking(), Scaling(), Corruption()]
SERIES_VIEWS = [Noise(), Masking(), Scaling(), SeriesCrop(), SeriesCrop(9), SeriesShift(0.3)]
IMAGE_PRESETS = [name for name in PRESETS if name not in ("rows", "scarf", "series")]

BATCHES = {
    "images": torch.rand(40, 3, 11, 12, generator=torch.Generator().manual_seed(0)),
    "rows": torch.rand(40, 6, generator=torch.Generator().manual_seed(0)),
    "series": torch.rand(40, 2, 13, generator=torch.Generator().manual_seed(0)),
}
CASES = [
    *[("images", view) for view in IMAGE_VIEWS],
    *[("rows", view) for view in ROW_VIEWS],
    *[("series", view) for view in SERIES_VIEWS],
    *[("images", preset(name, 10)[1]) for name in IMAGE_PRESETS],
    ("rows", preset("rows")[0]),
    ("rows", preset("scarf")[1]),
    ("series", preset("series")[0]),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("kind", "view"), CASES, ids=lambda case: str(case)[:60])
def test_every_view_is_repeatable_and_leaves_its_input_alone(kind, view):
    x = BATCHES[kind]
    before = x.clone()
    out, drawn = view(x, generator())
    again, _ = view(x, generator())
    assert torch.equal(x, before), "the input was written to"
    assert out.dtype == torch.float32 and out.is_contiguous() and torch.isfinite(out).all()
    assert torch.equal(out, again), "the same seed gives another view"
    assert torch.equal(out, view.apply(x, drawn)), "the parameters drawn do not give the view again"
    assert tuple(out.shape) == view.shape_after(tuple(x.shape)), "shape_after says another shape"
    assert all(len(value) == len(x) for value in drawn.values()), "a parameter is not one per sample"
    if drawn:
        other, _ = view(x, generator(1))
        assert not torch.equal(out, other), "another seed gives the same view"


@pytest.mark.parametrize(("kind", "view"), CASES, ids=lambda case: str(case)[:60])
def test_a_sample_does_not_depend_on_the_rest_of_its_batch(kind, view):
    if "Corruption" in repr(view):
        pytest.skip("corruption takes entries from other rows, and says so")
    x = BATCHES[kind]
    out, drawn = view(x, generator())
    some = torch.tensor([17, 3, 30])
    alone = view.apply(x[some], {name: value[some] for name, value in drawn.items()})
    assert torch.allclose(alone, out[some], atol=1e-6), "other samples of the batch changed a view"


DRAWING = [(kind, view) for kind, view in CASES if not re.search(r"Corruption|Chain\(\[\]\)|^Normalise", repr(view))]


@pytest.mark.parametrize(("kind", "view"), DRAWING, ids=lambda case: str(case)[:60])
def test_equal_samples_get_different_views(kind, view):
    x = BATCHES[kind][:1].expand(200, *BATCHES[kind].shape[1:])
    out, _ = view(x, generator())
    n_different = len(torch.unique(out.flatten(1), dim=0))
    least = 2 if isinstance(view, (Flip, Grey, Solarise)) else 8
    assert n_different >= least, f"200 draws gave {n_different} different views"


@pytest.mark.parametrize("view", [*IMAGE_VIEWS, preset("byol-imagenet", 150)[1]], ids=lambda view: str(view)[:60])
def test_large_images_changed_in_parts_are_changed_as_each_alone(view):
    x = torch.randint(256, (20, 3, 160, 150), dtype=torch.uint8, generator=generator())
    assert at_once(x) < 5, "this batch is changed in one go: make it larger"
    out, drawn = view(x, generator())
    for row in range(len(x)):
        alone = view.apply(x[row : row + 1], {name: value[row : row + 1] for name, value in drawn.items()})
        assert torch.allclose(alone[0], out[row], atol=1e-5), f"sample {row} of {len(x)} differs from itself alone"


@pytest.mark.parametrize("name", IMAGE_PRESETS)
@pytest.mark.parametrize("channels", [1, 3])
def test_presets_take_bytes_and_every_floating_type(name, channels):
    raw = torch.randint(256, (12, channels, 16, 16), dtype=torch.uint8, generator=generator())
    for view in preset(name, 12 if name != "none" else None, n_views=3):
        out, drawn = view(raw, generator())
        for dtype, close in ((torch.float32, 1e-4), (torch.float64, 1e-4), (torch.float16, 0.02)):
            floating = view.apply((raw / 255).to(dtype), drawn)
            far = (floating - out).abs().flatten().sort().values[: int(0.98 * out.numel())].max()
            assert floating.dtype == torch.float32 and far < close, f"{dtype} differs from bytes by {far}"
        assert out.shape == ((12, channels, 12, 12) if name != "none" else raw.shape)


def test_presets_are_what_their_sources_say():
    (cifar, _), (first, second) = preset("byol-cifar", 32), preset("byol-imagenet", 224)
    jitter = next(view for view in cifar.views if isinstance(view, ColorJitter))
    assert (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.p) == (0.4, 0.4, 0.4, 0.1, 0.8)
    assert cifar.names == ["random-resized-crop", "color-jitter", "grey", "normalise"]
    assert [v.p for v in first.views if isinstance(v, (GaussianBlur, Solarise))] == [1.0]
    assert [v.p for v in second.views if isinstance(v, (GaussianBlur, Solarise))] == [0.1, 0.2]
    assert [repr(chain) for chain in preset("vicreg-imagenet", 96)] == [
        repr(chain) for chain in preset("byol-imagenet", 96)
    ]
    assert preset("simclr-imagenet")[0].views[1].brightness == 0.8
    x = torch.rand(8, 5)
    unchanged, corrupted = (view(x, generator())[0] for view in preset("scarf"))
    assert torch.equal(unchanged, x) and not torch.equal(corrupted, x)


def test_a_chain_names_what_each_view_drew():
    chain = Chain([Flip(), Grey(), Flip(0.1)])
    _, drawn = chain(BATCHES["images"], generator())
    assert list(drawn) == ["flip.flipped", "grey.grey", "flip-2.flipped"]
    nested = Chain([chain, Solarise()])
    out, drawn = nested(BATCHES["images"], generator())
    assert "chain.flip-2.flipped" in drawn and torch.equal(out, nested.apply(BATCHES["images"], drawn))


def test_noise_masking_scaling_and_corruption_do_what_they_say():
    x = torch.randn(500, 20, generator=generator())
    out, drawn = Noise(0.3)(x, generator())
    assert abs((out - x).std() - 0.3) < 0.01
    out, drawn = Masking(0.4, fill=range(20))(x, generator())
    assert torch.equal(out, torch.where(drawn["masked"], torch.arange(20.0), x))
    assert abs(drawn["masked"].float().mean() - 0.4) < 0.02
    out, drawn = Scaling(0.2)(x, generator())
    assert torch.allclose(out / x, drawn["factor"].expand_as(x), rtol=1e-4) and drawn["factor"].shape == (500, 1)
    out, drawn = Corruption(0.5)(x, generator())
    columns = torch.arange(20).expand_as(x)
    assert torch.equal(out[drawn["corrupted"]], x[drawn["source"], columns][drawn["corrupted"]])
    assert torch.equal(out[~drawn["corrupted"]], x[~drawn["corrupted"]])


def test_series_are_cut_stretched_and_shifted_in_time():
    ramp = torch.arange(20.0).repeat(3, 2, 1)
    out = SeriesCrop(8).apply(ramp, {"start": torch.tensor([0, 4, 12]), "length": torch.tensor([20, 8, 4])})
    assert torch.equal(out[1, 0], torch.arange(4.0, 12.0)), "a window of the same length is not itself"
    assert torch.allclose(out[2, 1, 1:-1], 11.75 + 0.5 * torch.arange(1, 7)), "stretching a line bends it"
    filtered = torch.nn.functional.interpolate(ramp[:1, :, None], size=(1, 8), mode="bilinear", antialias=True)
    assert torch.allclose(out[0], filtered[0, :, 0], atol=1e-5), "shrinking is not filtered"
    shifted = SeriesShift().apply(ramp, {"shift": torch.tensor([0, 2, -3])})
    assert shifted[1, 0, :4].tolist() == [0, 0, 0, 1] and shifted[2, 0, -4:].tolist() == [19, 19, 19, 19]
    _, drawn = SeriesShift(0.25)(torch.zeros(2000, 1, 20), generator())
    assert drawn["shift"].unique().tolist() == list(range(-5, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Flip()(torch.rand(3, 4)), "Flip: x has shape (3, 4); give images"),
        (lambda: Flip()(torch.rand(3, 2, 4, 4)), "1 or 3"),
        (lambda: Noise()(torch.rand(3, 1, 4, 4)), "rows (b, d) or series"),
        (lambda: Chain([Noise()])(torch.rand(3, 1, 4, 4)), "Noise: x has shape"),
        (lambda: RandomResizedCrop(scale=(0.5, 2))(torch.rand(2, 3, 4, 4)), "scale = (0.5, 2)"),
        (lambda: ColorJitter(hue=0.7), "hue = 0.7"),
        (lambda: ColorJitter(p=80), "p = 80 is not a probability"),
        (lambda: preset("byol"), "'byol-cifar'"),
        (lambda: RandomResizedCrop(0), "size = 0"),
        (lambda: RandomResizedCrop((32, 32, 3)), "size = (32, 32, 3)"),
        (lambda: Normalise((0.5,), (0.0,)), "std = 0.0"),
        (lambda: preset("series", (3, 4))[0], "one length"),
        (lambda: Masking(fill=[1.0, 2.0])(torch.rand(3, 4)), "fill has shape (2,)"),
    ],
)
def test_mistakes_get_one_line(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value) and "\n" not in str(caught.value), str(caught.value)


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="ndarray"):
        Flip()(np.zeros((2, 3, 4, 4)))
    with pytest.raises(TypeError, match="int64"):
        Flip()(torch.zeros(2, 3, 4, 4, dtype=torch.int64))
    with pytest.raises(TypeError, match="no view"):
        Chain([Flip])


def test_drawing_stays_on_the_device_of_the_batch():
    device = torch.device("cuda" if torch.cuda.is_available() else "meta")
    for _, view in CASES[:6]:
        if device.type == "meta":
            with pytest.raises(ValueError, match="generator is on cpu and the batch on meta"):
                view(BATCHES["images"].to(device), generator())
        else:
            out, drawn = view(BATCHES["images"].to(device), torch.Generator(device).manual_seed(0))
            same = view.apply(BATCHES["images"], {name: value.cpu() for name, value in drawn.items()})
            assert out.device.type == "cuda" and torch.allclose(out.cpu(), same, atol=1e-4)


def test_an_audit_takes_a_chain():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    ink = (rng.random((200, 6, 6, 1)) * np.eye(3)[y][:, None, None, :] * 255).astype(np.uint8)
    view = as_rows_view(preset("byol-cifar")[0])
    changed = view(ink, np.random.default_rng(1))
    assert changed.shape == ink.shape and 20 < changed.max() <= 255, "bytes come back on another scale"
    assert np.array_equal(changed, view(ink, np.random.default_rng(1))), "the same rng gives another view"
    hue, grey = as_rows_view(ColorJitter(0, 0, 0, 0.5, p=1.0)), as_rows_view(Grey(1.0))
    found = ep.audit(ink / 255.0, {"hue": hue, "grey": grey, "flip": as_rows_view(Flip())}, y)
    assert found["hue"].destroyed > found["flip"].destroyed, "turning hues destroys a label that is the hue"
    with pytest.raises(ValueError, match=r"scaled to \[0, 1\]"):
        view(ink.astype(float), rng)
    table = rng.standard_normal((60, 5))
    assert as_rows_view(Noise())(table, rng).shape == table.shape
    assert as_rows_view(SeriesShift(), series=True)(table, rng).shape == table.shape
    assert as_rows_view(Flip())(ink[..., 0], rng).shape == ink[..., 0].shape
