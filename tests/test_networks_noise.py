"""The families that make images from noise: mlp, dcgan, acgan, sslgan and critic."""

import inspect
import json
from collections.abc import Callable
from functools import partial
from math import log

import pytest
import torch
from torch import nn
from torch.autograd import grad, gradcheck, gradgradcheck

from pipeline.errors import UserError
from pipeline.train.networks import acgan, critic, dcgan, mlp, sslgan
from pipeline.train.networks.layers import Dropout
from pipeline.train.networks.seen import Seen

Maker = Callable[..., nn.Module]
SMALL = {"latent": 6, "channels": 4}
PAIRS: dict[str, tuple[Maker, Maker]] = {
    "mlp": (mlp.Generator, mlp.Discriminator),
    "dcgan": (dcgan.Generator, dcgan.Discriminator),
    "dcgan without normalisation": (partial(dcgan.Generator, norm="none"), partial(dcgan.Discriminator, norm="none")),
    "dcgan by groups": (partial(dcgan.Generator, norm="group", leaky=True), partial(dcgan.Discriminator, norm="group")),
    "dcgan with a critic": (dcgan.Generator, partial(dcgan.Discriminator, norm="layer")),
    "acgan": (acgan.Generator, partial(acgan.Discriminator, dropout=0.3)),
    "acgan beside": (partial(acgan.Generator, joined="beside", kernel=3), partial(acgan.Discriminator, kernel=3, between=True)),
    "sslgan": (dcgan.Generator, sslgan.Discriminator),
    "sslgan pooled": (dcgan.Generator, partial(sslgan.Discriminator, pooled=True, noise=0.1, convs=2, norm="layer")),
    "critic": (critic.Generator, critic.Discriminator),
    "critic by instance": (critic.Generator, partial(critic.Discriminator, norm="instance")),
}
TELLS_CLASSES = {"acgan", "acgan beside", "sslgan", "sslgan pooled"}
CONDITIONED = {"mlp", "dcgan", "dcgan by groups", "critic"}  # their discriminators take labels
SIZES = [(28, 28), (32, 32), (64, 64), (96, 64)]


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def labels(count: int, classes: int = 3) -> torch.Tensor:
    return torch.arange(count) % classes


def pictures(count: int, colors: int = 1, size: tuple[int, int] = (16, 16)) -> torch.Tensor:
    return torch.rand(count, colors, *size, generator=torch.Generator().manual_seed(5)) * 2 - 1


def generator(family: str, **wanted: object) -> nn.Module:
    torch.manual_seed(0)
    return PAIRS[family][0](**{"size": (16, 16), "colors": 1, "classes": 3, **SMALL, **wanted})


def discriminator(family: str, **wanted: object) -> nn.Module:
    torch.manual_seed(0)
    return PAIRS[family][1](**{"size": (16, 16), "colors": 1, "classes": 3, "channels": 4, **wanted})


@pytest.mark.parametrize("colors", [1, 4])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", PAIRS)
def test_shapes_and_ranges(family: str, size: tuple[int, int], colors: int) -> None:
    if family == "mlp" and colors * size[0] * size[1] > mlp.MOST_VALUES:
        pytest.skip("refused, see test_mlp_refuses_large_images")
    made = generator(family, size=size, colors=colors)(torch.randn(3, 6), labels(3))
    assert made.shape == (3, colors, *size) and made.abs().max() <= 1 and made.std() > 1e-4
    seen: Seen = discriminator(family, size=size, colors=colors)(made)
    assert seen.realness.shape == (3,) and seen.realness.isfinite().all()
    assert seen.features is not None and seen.features.shape[0] == 3 and seen.features.ndim == 2
    if family in TELLS_CLASSES:
        assert seen.classes is not None and seen.classes.shape == (3, 3)
    else:
        assert seen.classes is None


@pytest.mark.parametrize("family", ["mlp", "dcgan", "critic"])
def test_without_classes_no_label_is_asked(family: str) -> None:
    assert generator(family, classes=0)(torch.randn(2, 6)).shape == (2, 1, 16, 16)
    assert discriminator(family, classes=0)(pictures(2)).realness.shape == (2,)
    with pytest.raises(ValueError, match="labels"):
        generator(family)(torch.randn(2, 6))


@pytest.mark.parametrize("family", PAIRS)
def test_the_label_and_the_noise_each_matter(family: str) -> None:
    g, z = generator(family).eval(), torch.randn(2, 6)
    with torch.no_grad():
        one, other = g(z, torch.tensor([0, 0])), g(z, torch.tensor([0, 1]))
    assert torch.equal(one[0], other[0]) and not torch.allclose(one[1], other[1], atol=1e-5)
    assert not torch.allclose(one[0], one[1], atol=1e-5)


@pytest.mark.parametrize("family", sorted(CONDITIONED))
def test_a_conditioned_discriminator_reads_the_label_and_passes_over_unknown_ones(family: str) -> None:
    d, images = discriminator(family).eval(), pictures(3)
    with torch.no_grad():
        none, unknown, told, other = (
            d(images, each).realness for each in (None, torch.full((3,), -1), torch.tensor([0, 1, -1]), torch.tensor([0, 2, -1]))
        )
    assert torch.equal(none, unknown)
    assert not torch.isclose(told[0], none[0], atol=1e-6) and not torch.isclose(told[1], other[1], atol=1e-6)
    assert torch.equal(told[0], other[0]) and torch.equal(told[2], none[2])


def test_projection_is_the_dot_product_of_the_papers_equation() -> None:
    d = discriminator("dcgan", size=(8, 8), classes=2).eval()
    images = pictures(2, size=(8, 8))
    with torch.no_grad():
        seen, told = d(images), d(images, torch.tensor([0, 1]))
        assert seen.features is not None
        pooled = seen.features.unflatten(1, (4, 4, 4)).sum((2, 3))
        vectors = d.get_parameter("projection.vectors.weight")  # (width, classes)
    assert close(told.realness - seen.realness, torch.stack([pooled[0] @ vectors[:, 0], pooled[1] @ vectors[:, 1]]))


@pytest.mark.parametrize("pooled", [False, True])
def test_sslgan_is_a_softmax_over_k_and_one_more(pooled: bool) -> None:
    d = discriminator("sslgan", pooled=pooled).eval()
    with torch.no_grad():
        seen = d(pictures(4))
        assert seen.features is not None and seen.classes is not None
        logits = d.get_submodule("logits")(seen.features)
    assert logits.shape == (4, 4)
    generated = logits.softmax(1)[:, 3]
    assert close(seen.realness.sigmoid(), 1 - generated)
    assert close(seen.classes.softmax(1), logits.softmax(1)[:, :3] / (1 - generated[:, None]))


def test_sslgan_begins_undecided_and_is_the_same_for_every_batch() -> None:
    d = discriminator("sslgan", channels=32).eval()
    with torch.no_grad():
        seen, alone = d(pictures(16)), d(pictures(16)[:1])
    assert seen.realness.mean().item() == pytest.approx(log(3), abs=0.8)  # K equal logits against one
    assert close(alone.realness, seen.realness[:1])


@pytest.mark.parametrize("family", ["mlp", "acgan", "sslgan", "sslgan pooled"])
def test_dropout_and_noise_are_for_training_and_follow_torchs_seed(family: str) -> None:
    d, images = discriminator(family), pictures(3)
    with torch.no_grad():
        draws = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            draws.append(d(images).realness)
        assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
        d.eval()
        assert torch.equal(d(images).realness, d(images).realness)


@pytest.mark.parametrize("family", ["dcgan with a critic", "dcgan without normalisation", "critic", "critic by instance"])
def test_a_critic_sees_each_image_by_itself(family: str) -> None:
    d, images = discriminator(family), pictures(4)
    with torch.no_grad():
        assert close(d(images).realness[:1], d(images[:1]).realness)


def test_batch_normalisation_is_refused_in_the_residual_critic() -> None:
    with pytest.raises(UserError, match="layer, instance, group or none"):
        discriminator("critic", norm="batch")


# From the papers: N(0, 0.02) in arXiv:1511.06434 section 4 and arXiv:1610.09585; sqrt(2 / fan-in) in arXiv:1502.01852.
@pytest.mark.parametrize("family", ["dcgan", "dcgan by groups", "acgan"])
def test_initial_weights_are_the_papers(family: str) -> None:
    for network in (generator(family, channels=32), discriminator(family, channels=32)):
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and module.weight.numel() > 1000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.1), name
                assert abs(module.weight.mean().item()) < 0.002, name
            if isinstance(module, nn.BatchNorm2d | nn.GroupNorm) and module.weight.numel() >= 64:
                assert module.weight.mean().item() == pytest.approx(1, abs=0.01) and 0.01 < module.weight.std().item() < 0.03, name
                assert module.bias.abs().max() == 0 and module.eps == 1e-5
            if isinstance(module, nn.BatchNorm2d):
                assert module.momentum == 0.1


@pytest.mark.parametrize("family", ["sslgan", "critic"])
def test_initial_weights_keep_the_signal(family: str) -> None:
    d = discriminator(family, channels=32, size=(64, 64), colors=3)
    large = [m for m in d.modules() if isinstance(m, nn.Conv2d) and m.weight.numel() > 4000]
    assert len(large) > 2
    for module in large:
        assert module.weight.std().item() == pytest.approx((2 / module.weight[0].numel()) ** 0.5, rel=0.1)


def test_a_class_begins_as_long_as_a_one_hot_vector() -> None:
    vectors = generator("acgan beside", latent=100, classes=20).get_parameter("latent.vectors.weight")
    assert vectors.norm(dim=1).mean().item() == pytest.approx(1, abs=0.1)


def test_initial_images_are_neither_flat_nor_saturated() -> None:
    for family in PAIRS:
        made = generator(family, size=(32, 32), colors=3, channels=16, latent=32)(torch.randn(64, 32), labels(64))
        assert abs(made.mean().item()) < 0.6 and 0.01 < made.std().item() < 0.75, family


def test_nothing_is_normalised_next_to_the_pixels_unless_asked() -> None:
    def after_first(d: nn.Module) -> nn.Module:
        return list(d.get_submodule("layers").children())[1]

    assert isinstance(after_first(discriminator("dcgan")), nn.LeakyReLU)
    assert isinstance(after_first(discriminator("dcgan", norm_first=True)), nn.BatchNorm2d)
    assert isinstance(after_first(discriminator("acgan")), nn.LeakyReLU)


def test_dcgan_64_has_the_papers_shapes() -> None:
    """Figure 1 of arXiv:1511.06434: 100 to 4x4x1024, then 512, 256, 128 and 3 channels."""
    g = dcgan.Generator(size=(64, 64), colors=3, latent=100, channels=128)
    shapes = [tuple(p.shape) for name, p in g.named_parameters() if p.ndim > 1]
    assert shapes[0] == (1024 * 4 * 4, 100)
    assert [(s[0], s[1]) for s in shapes[1:]] == [(1024, 512), (512, 256), (256, 128), (128, 3)]
    assert not any(isinstance(m, nn.LeakyReLU) for m in g.modules())
    leaky = dcgan.Generator(size=(64, 64), colors=3, latent=100, channels=8, leaky=True)
    assert not any(isinstance(m, nn.ReLU) for m in leaky.modules())


def test_svhn_form_has_three_strided_convolutions_each_normalised() -> None:
    d = dcgan.Discriminator(size=(32, 32), colors=3, channels=8, steps=3, norm_first=True)
    convolutions = [m for m in d.modules() if isinstance(m, nn.Conv2d)]
    assert [m.stride for m in convolutions] == [(2, 2)] * 3 and sum(isinstance(m, nn.BatchNorm2d) for m in d.modules()) == 3
    fewer = dcgan.Discriminator(size=(32, 32), colors=3, channels=8, steps=2)
    assert fewer(pictures(2, 3, (32, 32))).features.shape == (2, 16 * 8 * 8)


def test_numgen_has_its_hidden_layers() -> None:
    g = mlp.Generator(size=(28, 28), colors=1, latent=100, channels=256)
    d = mlp.Discriminator(size=(28, 28), colors=1, channels=256)
    assert [m.out_features for m in g.modules() if isinstance(m, nn.Linear)] == [256, 512, 1024, 784]
    assert [m.out_features for m in d.modules() if isinstance(m, nn.Linear)] == [1024, 512, 256, 1]
    assert [m.p for m in d.modules() if isinstance(m, Dropout)] == [0.3] * 3


@pytest.mark.parametrize("family", PAIRS)
def test_double_backward_through_the_discriminator(family: str) -> None:
    """The gradient penalty is a function of the weights: its own gradient exists, is finite, and is not zero."""
    d = discriminator(family).double()
    images = pictures(4).double().requires_grad_()
    told = labels(4) if family in CONDITIONED else None
    (slope,) = grad(d(images, told).realness.sum(), images, create_graph=True)
    assert slope.shape == images.shape and slope.isfinite().all() and slope.abs().max() > 0
    weights = [p for p in d.parameters() if p.ndim > 1]
    second = grad(slope.square().sum(), weights, allow_unused=True)
    assert all(s.isfinite().all() for s in second if s is not None)
    assert second[0] is not None and second[0].abs().max() > 0


@pytest.mark.parametrize("family", ["mlp", "dcgan", "dcgan by groups", "acgan beside", "sslgan", "critic"])
def test_gradients_of_both_orders_are_right(family: str) -> None:
    """Against finite differences, in float64, on networks of two channels; the points lie where no ReLU bends by chance."""
    d = discriminator(family, size=(8, 8), channels=2).double().eval()
    image = pictures(1, size=(8, 8)).double().requires_grad_()
    realness = lambda x: d(x).realness  # noqa: E731
    assert gradcheck(realness, (image,), eps=1e-7, atol=1e-5)
    assert gradgradcheck(realness, (image,), eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("family", PAIRS)
def test_channels_last_gives_the_same(family: str) -> None:
    g, d, z = generator(family).double().eval(), discriminator(family).double().eval(), torch.randn(3, 6).double()
    with torch.no_grad():
        made = g(z, labels(3))
        seen = d(made)
        g, d = g.to(memory_format=torch.channels_last), d.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        again = d(g(z, labels(3)).contiguous(memory_format=torch.channels_last))
    assert close(again.realness, seen.realness)
    assert close(again.features, seen.features)


@pytest.mark.parametrize("family", PAIRS)
def test_arguments_survive_json_and_build_the_same_network(family: str) -> None:
    maker = PAIRS[family][0]
    arguments = {"size": (16, 24), "colors": 1, "classes": 3, **SMALL, **getattr(maker, "keywords", {})}
    one = getattr(maker, "func", maker)(**arguments)
    other = getattr(maker, "func", maker)(**json.loads(json.dumps(arguments)))
    other.load_state_dict(one.state_dict())
    z = torch.randn(2, 6)
    assert torch.equal(one.eval()(z, labels(2)), other.eval()(z, labels(2)))


def test_every_constructor_takes_keywords_alone() -> None:
    for module in (mlp, dcgan, acgan, sslgan, critic):
        for name in module.__all__:
            parameters = list(inspect.signature(getattr(module, name)).parameters.values())
            assert all(p.kind is p.KEYWORD_ONLY for p in parameters), f"{module.__name__}.{name}"


@pytest.mark.parametrize("family", ["mlp", "dcgan", "acgan", "sslgan", "critic"])
def test_the_other_half_of_a_pair_is_seen(family: str) -> None:
    d = discriminator(family, given_colors=3).eval()
    with torch.no_grad():
        one, other = d(pictures(2), given=pictures(2, 3)), d(pictures(2), given=-pictures(2, 3))
    assert not torch.allclose(one.realness, other.realness, atol=1e-6)


@pytest.mark.parametrize("size", [(30, 30), (7, 7), (64, 36), (50, 32)])
@pytest.mark.parametrize("make", [generator, discriminator])
@pytest.mark.parametrize("family", ["dcgan", "acgan", "critic"])
def test_a_size_that_cannot_be_is_one_sentence(family: str, make: Callable[..., nn.Module], size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"resize.size.*{size[1]}x{size[0]} does not") as error:
        make(family, size=size)
    assert "\n" not in str(error.value)


def test_a_number_of_steps_that_cannot_be() -> None:
    with pytest.raises(UserError, match="halved 4 times.*48x24 does not"):
        generator("dcgan", size=(24, 48), steps=4)
    with pytest.raises(UserError, match="does not"):
        generator("dcgan", steps=0)


def test_mlp_refuses_large_images() -> None:
    for make in (generator, discriminator):
        with pytest.raises(UserError, match="resize.size.*256x128 in 3 channels"):
            make("mlp", size=(128, 256), colors=3)


@pytest.mark.parametrize(("family", "wrong", "says"), [
    ("dcgan", {"norm": "spectral"}, "batch, group, layer, instance, none"),
    ("mlp", {"norm": "layer"}, "none or batch"),
    ("acgan", {"kernel": 4}, "odd number"),
    ("acgan", {"joined": "after"}, "beside or times"),
    ("acgan", {"classes": 0}, "names none"),
])
def test_a_wrong_option_is_one_sentence(family: str, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=f"^params.yaml: .*{says}"):
        generator(family, **wrong)


def test_sslgan_needs_classes() -> None:
    with pytest.raises(UserError, match="names none"):
        discriminator("sslgan", classes=0)
