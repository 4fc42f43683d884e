"""Encoders: parameter counts of the literature, shapes, and what is refused."""

import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from torch import nn  # noqa: E402

from eigenpairs.deep.encoders import (  # noqa: E402
    ENCODERS,
    MLP,
    ConvNet,
    Projector,
    SeriesNet,
    build_encoder,
    resnet18,
    resnet50,
)
from eigenpairs.deep.encoders.res_net import BasicBlock, Bottleneck  # noqa: E402


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# ------------------------------------------------------------------ ResNets


@pytest.mark.parametrize(
    ("make", "published", "n_features"), [(resnet18, 11_689_512, 512), (resnet50, 25_557_032, 2048)]
)
def test_resnet_has_the_published_number_of_parameters(make, published, n_features):
    classifier = n_features * 1000 + 1000
    assert n_parameters(make()) == published - classifier, "the structure differs from torchvision's"
    assert make().n_features == n_features


def test_resnet_state_has_torchvisions_names():
    state = resnet50().state_dict()
    for name, shape in {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer4.2.bn3.bias": (2048,),
    }.items():
        assert tuple(state[name].shape) == shape, f"{name} is missing or has another shape"
    assert len(state) == 318, "torchvision's resnet50 has 320 entries, two of them in fc"
    assert len(resnet18().state_dict()) == 120, "torchvision's resnet18 has 122 entries, two of them in fc"


@pytest.mark.parametrize(("stem", "pixels"), [("cifar", 4), ("imagenet", 1)])
def test_stems_keep_or_shrink_the_image(stem, pixels):
    net = resnet18(stem).eval()
    seen = {}
    net.layer4.register_forward_hook(lambda module, inputs, out: seen.update(shape=out.shape))
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 32, 32)).shape == (1, 512)
    assert seen["shape"][2:] == (pixels, pixels), f"the stem {stem} strides otherwise than published"


def test_stride_of_a_bottleneck_is_in_its_3x3():
    block = resnet50().layer2[0]
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


@pytest.mark.parametrize("zero_init", [False, True])
def test_last_norms_begin_at_zero_where_asked(zero_init):
    blocks = [part for part in resnet18(zero_init=zero_init).modules() if isinstance(part, (BasicBlock, Bottleneck))]
    assert len(blocks) == 8
    for block in blocks:
        assert bool((block.bn2.weight == 0).all()) is zero_init, "zero_init is not followed by every block"
        assert bool((block.bn1.weight == 1).all()), "only the last norm may begin at 0"


def test_resnet_convolutions_begin_with_variance_two_over_fan_out():
    weight = resnet18().layer4[1].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_unknown_stem_is_refused():
    with pytest.raises(ValueError, match="stem = 'tiny' is unknown; choose from 'cifar', 'imagenet'"):
        resnet18("tiny")


# -------------------------------------------------------------- small nets


@pytest.mark.parametrize("pixels", [8, 28, 32, 33, 96])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_net_takes_images_of_8_to_96_pixels(pixels, channels):
    net = ConvNet(in_channels=channels, n_features=64)
    out = net(torch.rand(2, channels, pixels, pixels))
    assert out.shape == (2, 64) and out.isfinite().all()
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters()), "a parameter has no part in the output"


@pytest.mark.parametrize("steps", [1, 10, 100])
def test_series_net_takes_any_length(steps):
    assert SeriesNet(in_channels=2, n_features=16)(torch.rand(3, 2, steps)).shape == (3, 16)


def test_series_net_refuses_an_even_kernel():
    with pytest.raises(ValueError, match="kernel = 4 is even"):
        SeriesNet(kernel=4)


def test_mlp_has_batch_norm_and_relu_in_hidden_layers_only():
    kinds = [type(layer).__name__ for layer in MLP(4, hidden=(8, 8), n_features=2).layers]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    assert [layer.bias is None for layer in MLP(4, hidden=(8,)).layers if isinstance(layer, nn.Linear)] == [True, False]
    kinds = [type(layer).__name__ for layer in MLP(4, hidden=(8,), n_features=2, norm=False).layers]
    assert kinds == ["Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("hidden", [512, "512", (0,), (3.5,)])
def test_bad_widths_are_named(hidden):
    with pytest.raises((ValueError, TypeError), match=r"hidden"):
        MLP(4, hidden=hidden)


def test_projector_with_no_layer_is_the_identity():
    h = torch.rand(3, 7)
    projector = Projector(7, hidden=(), n_outputs=None)
    assert torch.equal(projector(h), h) and projector.n_outputs == 7 and n_parameters(projector) == 0


def test_projector_with_last_norm_whitens_each_output():
    Z = Projector(7, hidden=(16,), n_outputs=5, last_norm=True)(torch.randn(256, 7))
    assert torch.allclose(Z.mean(0), torch.zeros(5), atol=1e-5)
    assert torch.allclose(Z.var(0, correction=0), torch.ones(5), atol=1e-2)
    with pytest.raises(ValueError, match="last_norm = True needs a last map"):
        Projector(7, n_outputs=None, last_norm=True)


# ------------------------------------------------------------ build_encoder

SHAPES = {"images": (3, 32, 32), "rows": (20,), "series": (2, 50)}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", ["auto", *ENCODERS])
def test_every_name_gives_n_features_or_says_which_names_do(name, kind):
    if name != "auto" and kind not in ENCODERS[name][1]:
        with pytest.raises(ValueError, match=f"encoder {name!r} takes .* not {kind}; for {kind} choose from 'auto'"):
            build_encoder(name, SHAPES[kind], kind)
        return
    encoder = build_encoder(name, SHAPES[kind], kind).eval()
    with torch.no_grad():
        assert encoder(torch.rand(2, *SHAPES[kind])).shape == (2, encoder.n_features)


def test_linear_is_one_linear_map():
    encoder = build_encoder("linear", (3, 4, 4), "images", n_features=5).eval()
    x, y = torch.randn(2, 6, 3, 4, 4)
    zero = encoder(torch.zeros(6, 3, 4, 4))
    assert torch.allclose(encoder(x + 2 * y) - zero, encoder(x) + 2 * encoder(y) - 3 * zero, atol=1e-5)


@pytest.mark.parametrize(("pixels", "kind_of_net"), [(96, "ConvNet"), (97, "ResNet")])
def test_auto_goes_by_the_size_of_images(pixels, kind_of_net):
    assert type(build_encoder("auto", (3, pixels, pixels), "images")).__name__ == kind_of_net


@pytest.mark.parametrize(("pixels", "kernel"), [(64, 3), (65, 7)])
def test_stem_goes_by_the_size_of_images_unless_given(pixels, kernel):
    shape = (1, pixels, pixels)
    assert build_encoder("resnet18", shape, "images").conv1.kernel_size == (kernel, kernel)
    assert build_encoder("resnet18", shape, "images", stem="cifar").conv1.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("resnet", {}, "encoder 'resnet' is unknown; choose from 'auto', 'conv-net', 'linear'"),
        (7, {}, "encoder 7 is unknown"),
        ("conv-net", {"depth": 3}, "encoder 'conv-net': depth is no setting of it; its settings are width, n_features"),
        ("conv-net", {"in_channels": 1}, "in_channels follows from the data"),
        ("linear", {"hidden": (3,)}, "hidden is no setting of it; its settings are n_features"),
    ],
)
def test_what_build_encoder_refuses(name, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        build_encoder(name, (3, 32, 32), "images", **settings)
    assert "\n" not in str(caught.value), "an error is one line"


def test_timm_is_asked_for_by_name_and_its_absence_explained():
    try:
        import timm  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(ModuleNotFoundError, match="encoder 'timm:resnet10t' needs the package timm; install it"):
            build_encoder("timm:resnet10t", (3, 32, 32), "images")
    else:
        encoder = build_encoder("timm:resnet10t", (1, 32, 32), "images").eval()
        assert encoder(torch.rand(2, 1, 32, 32)).shape == (2, encoder.n_features)
    with pytest.raises(ValueError, match="takes images, not rows"):
        build_encoder("timm:resnet10t", (3,), "rows")


def test_a_dry_run_leaves_a_module_as_it_was():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 6))
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert build_encoder(module, (3, 8, 8), "images") is module and module.n_features == 6
    assert torch.equal(torch.rand(3), expected), "the dry run drew random numbers of the user's generator"
    assert [part.training for part in module.modules()] == modes, "the dry run changed the mode of a part"
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items()), "state changed"


def test_a_module_in_another_precision_is_run_in_its_own():
    assert build_encoder(nn.Linear(3, 4).double(), (3,), "rows").n_features == 4


def test_modules_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"does not take samples of shape \(3,\)") as caught:
        build_encoder(nn.Linear(4, 2), (3,), "rows")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"gives shape \(2, 4, 6, 6\) for 2 samples"):
        build_encoder(nn.Conv2d(3, 4, 3), (3, 8, 8), "images")
    with pytest.raises(ValueError, match="encoder settings width go with a name"):
        build_encoder(nn.Linear(4, 2), (4,), "rows", width=3)
