"""The networks that make images from images, and R3GAN's: shapes, weights as the papers count them, second derivatives."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks import patch, r3gan, rrdb, srresnet, tower, unet
from pipeline.train.networks.enlarge import bicubic
from pipeline.train.networks.layers import Dropout
from tests.conftest import picture

PAIR = {"colors": 3, "given_colors": 3}


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_weights_are_as_many_as_the_papers_and_their_figures_make():
    """Counted by hand from the papers' tables; those of R3GAN are the paper's own count (its table of settings, in millions)."""
    assert weights(unet.Generator(size=(256, 256), given_size=(256, 256), depth=8, **PAIR)) == 54_414_531
    assert weights(patch.Discriminator(size=(256, 256), **PAIR)) == 2_768_705
    up = {"size": (96, 96), "given_size": (24, 24), **PAIR}
    block = 2 * (64 * 64 * 9 + 64 + 2 * 64) + 1
    closing = 64 * 64 * 9 + 64 + 2 * 64
    shuffles = 2 * (64 * 256 * 9 + 1)
    ends = (3 * 64 * 81 + 64 + 1) + (64 * 3 * 81 + 3)
    assert weights(srresnet.Generator(**up, norm="batch")) == 16 * block + closing + shuffles + ends == 1_548_950
    dense = sum((64 + 32 * step) * 32 * 9 + 32 for step in range(4)) + (64 + 4 * 32) * 64 * 9 + 64
    rest = (3 * 64 * 9 + 64) + 2 * (64 * 64 * 9 + 64) + 2 * 64 * 256 * 9 + (64 * 3 * 9 + 3)
    assert weights(rrdb.Generator(**up)) == 23 * 3 * dense + rest
    assert round(23 * 3 * dense / 1e6, 1) == 16.5


@pytest.mark.parametrize(("family", "side", "millions"), [("Generator", 32, 20.73), ("Discriminator", 256, 23.01)])
def test_r3gan_has_the_weights_of_its_paper(family: str, side: int, millions: float):
    assert round(weights(getattr(r3gan, family)(size=(side, side), colors=3, channels=768)) / 1e6, 2) == millions


# --- pix2pix


@pytest.mark.parametrize(("size", "depth"), [((64, 64), 6), ((96, 64), 5), ((128, 128), 7), ((8, 8), 3), ((256, 256), 7)])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_unet_makes_an_image_of_the_same_size(size: tuple[int, int], depth: int, norm: str):
    options = json.loads(json.dumps({"size": size, "given_size": size, "colors": 1, "given_colors": 3, "channels": 2, "norm": norm}))
    network = unet.Generator(**options)
    made = network(torch.rand(2, 3, *size) * 2 - 1)
    assert network.depth == depth
    assert made.shape == (2, 1, *size)
    assert made.abs().max() <= 1
    assert made.std() > 0


def test_a_translation_does_not_hang_on_the_pictures_beside_it():
    torch.manual_seed(0)
    for norm in ("instance", "batch"):
        network = unet.Generator(size=(32, 32), given_size=(32, 32), channels=4, norm=norm, **PAIR)
        given = torch.rand(5, 3, 32, 32)
        network(given)  # running statistics, where there are any
        network.eval()
        assert torch.allclose(network(given)[2], network(given[2:3])[0], atol=1e-5), norm


def test_dropout_is_in_the_first_three_steps_up_and_off_at_use():
    torch.manual_seed(0)
    network = unet.Generator(size=(128, 128), given_size=(128, 128), channels=2, **PAIR)
    rates = [[layer.p for layer in step.modules() if isinstance(layer, Dropout)] for step in network.up]
    assert rates == [[0.5], [0.5], [0.5], [], [], []]
    given = torch.rand(1, 3, 128, 128)
    assert not torch.equal(network(given), network(given))
    network.eval()
    assert torch.equal(network(given), network(given))


def test_every_skip_of_the_unet_is_used():
    """A pixel's change reaches the output though the middle is silenced: through the outermost skip alone it moves few pixels."""
    torch.manual_seed(0)
    network = unet.Generator(size=(32, 32), given_size=(32, 32), channels=4, norm="none", dropout=0.0, **PAIR)
    given = torch.rand(1, 3, 32, 32, requires_grad=True)
    made = network(given)[0, 0, 16, 16]
    whole = torch.autograd.grad(made, given)[0].abs().sum(1)[0]
    assert (whole > 0).all()  # the middle sees all of the image
    with torch.no_grad():
        network.last[0].weight[: network.last[0].weight.shape[0] // 2] = 0  # what came from below
    near = torch.autograd.grad(network(given)[0, 0, 16, 16], given)[0].abs().sum(1)[0]
    assert 0 < (near > 0).sum() <= 8 * 8


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_a_patch_discriminator_sees_as_many_pixels_as_the_paper_says(layers: int, field: int):
    """The paper names 16 and 70 (and 286); the pixels that a middle realness has a gradient from are counted here."""
    network = patch.Discriminator(size=(192, 192), colors=1, channels=2, layers=layers, norm="none").double()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    images = torch.ones(1, 1, 192, 192, dtype=torch.float64, requires_grad=True)
    realness = network(images).realness
    middle = realness[0, 0, realness.shape[2] // 2, realness.shape[3] // 2]
    seen = torch.autograd.grad(middle, images)[0][0, 0] > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == field == patch.field_of(layers)


def test_the_patch_discriminator_looks_at_both_halves_of_a_pair():
    torch.manual_seed(0)
    network = patch.Discriminator(size=(64, 64), colors=1, given_colors=3, channels=4)
    images, given = torch.rand(2, 1, 64, 64), torch.rand(2, 3, 64, 64)
    said = network(images, given=given)
    assert said.realness.shape == (2, 1, 6, 6)
    assert said.features.shape == (2, 32)
    assert not torch.allclose(said.realness, network(images, given=given.flip(0)).realness, atol=1e-4)
    assert not torch.allclose(said.realness, network(images.flip(0), given=given).realness, atol=1e-4)


def test_pix2pix_starts_as_dcgan_does():
    torch.manual_seed(0)
    network = unet.Generator(size=(64, 64), given_size=(64, 64), channels=16, **PAIR)
    for weight in (network.down[3][0].weight, network.up[0][0].weight):
        assert abs(weight.std().item() - 0.02) < 5e-4
        assert abs(weight.mean().item()) < 5e-4


# --- upscaling


@pytest.mark.parametrize("family", [srresnet, rrdb])
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_an_upscaler_takes_any_size(family, factor: int):
    torch.manual_seed(0)
    options = {"size": [8 * factor, 8 * factor], "given_size": [8, 8], "channels": 4, "blocks": 1, "residual": False, **PAIR}
    network = family.Generator(**json.loads(json.dumps(options)))
    for height, width in ((8, 8), (7, 13), (1, 5)):
        made = network(torch.rand(1, 3, height, width))
        assert made.shape == (1, 3, height * factor, width * factor)
        assert made.std() > 0


@pytest.mark.parametrize("family", [srresnet, rrdb])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_an_untouched_upscaler_is_bicubic(family, factor: int):
    network = family.Generator(size=(8 * factor, 8 * factor), given_size=(8, 8), channels=4, blocks=1, **PAIR)
    small = np.asarray(picture(3, (37, 23))).astype(np.float32) / 127.5 - 1
    made = network(torch.from_numpy(small).permute(2, 0, 1)[None])[0].detach().numpy()
    for channel in range(3):
        pillows = Image.fromarray(small[:, :, channel]).resize((37 * factor, 23 * factor), Image.Resampling.BICUBIC)
        assert np.abs(made[channel] - np.asarray(pillows)).max() < 1e-5


@pytest.mark.parametrize("family", [srresnet, rrdb])
def test_an_upscaler_that_starts_as_bicubic_learns(family):
    torch.manual_seed(0)
    network = family.Generator(size=(16, 16), given_size=(8, 8), channels=8, blocks=1, **PAIR)
    given = torch.rand(2, 3, 8, 8)
    wanted = bicubic(given, 2) / 2
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(10):
        loss = (network(given) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_pixel_shuffles_start_without_a_checkerboard():
    torch.manual_seed(0)
    network = srresnet.Generator(size=(32, 32), given_size=(8, 8), channels=8, blocks=1, **PAIR)
    with torch.no_grad():
        large = network.enlarge(torch.randn(1, 8, 8, 8))
    assert torch.equal(large[:, :, ::2, ::2], large[:, :, 1::2, 1::2])
    assert large.std() > 0


def test_grey_is_enlarged_to_colour_and_colour_to_grey_only_by_choice():
    options = {"size": (8, 8), "given_size": (4, 4), "channels": 4, "blocks": 1}
    assert srresnet.Generator(colors=3, given_colors=1, **options)(torch.rand(1, 1, 4, 4)).shape == (1, 3, 8, 8)
    with pytest.raises(UserError, match="residual"):
        srresnet.Generator(colors=1, given_colors=3, **options)
    assert srresnet.Generator(colors=1, given_colors=3, residual=False, **options)(torch.rand(1, 3, 4, 4)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("size", [(96, 96), (32, 48), (25, 31)])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_the_tower_judges_images_of_any_size(size: tuple[int, int], norm: str):
    network = tower.Discriminator(size=size, colors=3, given_colors=1, channels=4, norm=norm)
    said = network(torch.rand(2, 3, *size), given=torch.rand(2, 1, *size))
    assert said.realness.shape == (2,)
    assert said.features.shape == (2, 64)


# --- r3gan


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (48, 48), (96, 64), (64, 128)])
def test_r3gan_makes_and_judges_images_of_many_sizes(size: tuple[int, int]):
    torch.manual_seed(0)
    options = json.loads(json.dumps({"size": size, "colors": 3, "channels": 32, "group": 8, "full_to": 8, "blocks": 1}))
    made = r3gan.Generator(**options, latent=16)(torch.randn(3, 16))
    assert made.shape == (3, 3, *size)
    assert 0.1 < made.abs().max() <= 1
    said = r3gan.Discriminator(**options)(made)
    assert said.realness.shape == (3,)
    assert said.features.shape == (3, 32)


def test_r3gan_halves_its_width_above_the_side_it_is_told():
    assert r3gan.widths_for((256, 256), 768, 32, 16) == [768, 768, 768, 768, 384, 192, 96]
    assert r3gan.widths_for((32, 32), 64, 8, 16) == [64, 64, 32, 16]
    assert r3gan.widths_for((96, 64), 64, 32, 0) == [64, 64, 64, 64, 32]


def test_r3gan_starts_with_blocks_that_change_nothing_and_a_steady_variance():
    torch.manual_seed(0)
    network = r3gan.Generator(size=(32, 32), colors=3, latent=64, channels=64, bounded=False)
    x = torch.randn(4, 64, 8, 8)
    assert torch.equal(network.stages[0](x), x)
    blocks = [module for module in network.modules() if isinstance(module, r3gan.Block)]
    assert len(blocks) == 8
    inside = nn.functional.leaky_relu(blocks[0].widen(torch.randn(64, 64, 16, 16)), 0.2)
    assert inside.square().mean().item() == pytest.approx(8**-0.5, rel=0.15)  # He keeps 1; Fixup's L^-0.25 is squared
    assert 0.3 < network(torch.randn(64, 64)).std().item() < 1.5


def test_r3gan_is_unbounded_only_where_asked():
    torch.manual_seed(0)
    options = {"size": (8, 8), "colors": 1, "channels": 16, "latent": 8}
    z = torch.randn(64, 8) * 4
    assert r3gan.Generator(**options)(z).abs().max() <= 1 < r3gan.Generator(**options, bounded=False)(z).abs().max()


def test_r3gan_depends_on_the_label_and_minus_one_is_none():
    torch.manual_seed(0)
    generator = r3gan.Generator(size=(8, 8), colors=1, channels=16, latent=8, classes=3)
    z = torch.randn(1, 8).repeat(4, 1)
    made = generator(z, torch.tensor([0, 1, 2, -1]))
    assert all(not torch.allclose(made[a], made[b], atol=1e-3) for a in range(4) for b in range(a))
    discriminator = r3gan.Discriminator(size=(8, 8), colors=1, channels=16, classes=3)
    images = made[:1].repeat(4, 1, 1, 1).detach()
    realness = discriminator(images, torch.tensor([0, 1, 2, -1])).realness
    assert len({round(value, 5) for value in realness.tolist()}) == 4
    assert torch.allclose(realness[3], discriminator.last(discriminator(images, torch.zeros(4).long()).features)[3, 0])
    for network, first in ((generator, z), (discriminator, images)):
        with pytest.raises(ValueError, match="3 classes needs labels"):
            network(first)


def test_r3gan_judges_pairs():
    torch.manual_seed(0)
    network = r3gan.Discriminator(size=(8, 8), colors=1, channels=16, given_colors=2)
    images, given = torch.rand(2, 1, 8, 8), torch.rand(2, 2, 8, 8)
    assert not torch.allclose(network(images, given=given).realness, network(images, given=given.flip(0)).realness)


# --- all discriminators

DISCRIMINATORS = {
    "patch": lambda norm: patch.Discriminator(size=(16, 16), colors=1, channels=2, layers=2, norm=norm),
    "tower": lambda norm: tower.Discriminator(size=(16, 16), colors=1, channels=2, norm=norm),
    "r3gan": lambda norm: r3gan.Discriminator(size=(16, 16), colors=1, channels=8, group=4, full_to=8, blocks=1),
}


@pytest.mark.parametrize(("name", "norm"), [("patch", "instance"), ("patch", "none"), ("tower", "batch"), ("tower", "none"), ("r3gan", "")])
def test_gradients_and_their_gradients_are_right(name: str, norm: str):
    """Numerical first and second derivatives in float64; R1, R2 and gradient penalties stand on the second."""
    torch.manual_seed(0)
    network = DISCRIMINATORS[name](norm).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)  # nothing is zero, so every block matters
    images = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    line = torch.randn_like(images)
    place = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64, requires_grad=True)

    def along(t: torch.Tensor) -> torch.Tensor:
        return network(images + t[0] * line + t[1] * line.flip(2) + t[2] * line.flip(3)).realness.tanh().sum()

    assert torch.autograd.gradcheck(along, place, eps=1e-6, atol=1e-5)
    assert torch.autograd.gradgradcheck(along, place, eps=1e-6, atol=1e-4)


@pytest.mark.parametrize(("name", "norm"), [("patch", "instance"), ("tower", "none"), ("r3gan", "")])
def test_a_gradient_penalty_reaches_the_weights_in_any_memory_order(name: str, norm: str):
    found = []
    for order in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        network = DISCRIMINATORS[name](norm)
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        network.to(memory_format=order)
        images = torch.randn(3, 1, 16, 16).contiguous(memory_format=order).requires_grad_()
        (slope,) = torch.autograd.grad(network(images).realness.sum(), images, create_graph=True)
        slope.square().sum().backward()
        found.append([parameter.grad for parameter in network.parameters()])
        steered = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
        assert all(name.endswith("bias") for name in steered)  # the last bias alone has no part in a slope
    assert all(torch.allclose(a, b, atol=1e-3, rtol=1e-3) for a, b in zip(*found, strict=True) if a is not None)


def test_every_bad_size_is_one_sentence():
    for build, named in (
        (lambda: unet.Generator(size=(100, 100), given_size=(100, 100), **PAIR), "100x100"),
        (lambda: unet.Generator(size=(64, 64), given_size=(32, 32), **PAIR), "64x64 from 32x32"),
        (lambda: patch.Discriminator(size=(16, 20), **PAIR), "20x16"),
        (lambda: srresnet.Generator(size=(50, 100), given_size=(10, 20), **PAIR), "100x50 from 20x10"),
        (lambda: rrdb.Generator(size=(40, 80), given_size=(10, 10), **PAIR), "80x40 from 10x10"),
        (lambda: r3gan.Generator(size=(50, 50), colors=3, channels=64), "50x50"),
        (lambda: r3gan.Discriminator(size=(4, 4), colors=3, channels=64), "4x4"),
    ):
        with pytest.raises(UserError) as caught:
            build()
        assert "resize.size" in str(caught.value)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)


def test_other_bad_options_are_one_sentence():
    with pytest.raises(UserError, match="multiple of 16"):
        r3gan.Generator(size=(64, 64), colors=3, channels=40)
    with pytest.raises(UserError, match="batch, group, layer, instance, none"):
        tower.Discriminator(size=(64, 64), colors=3, norm="weight")
    network = unet.Generator(size=(64, 64), given_size=(64, 64), channels=2, **PAIR)
    assert network(torch.rand(1, 3, 128, 64)).shape == (1, 3, 128, 64)
    with pytest.raises(UserError, match="a picture of 60x64 pixels.*multiples of 64"):
        network(torch.rand(1, 3, 64, 60))
