from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.train.diffaugment import POLICIES, Adaptive, apply, draw, overfitting
from pipeline.train.noise import generator

ALL = sorted(POLICIES)
NUMBERS = {"color": 3, "translation": 2, "cutout": 2, "flip": 1, "rotate": 1}


def augment(images: torch.Tensor, policies: list[str], p: float = 1.0, number: int = 0) -> torch.Tensor:
    size = (images.shape[2], images.shape[3])
    return apply(images, policies, draw(policies, len(images), size, generator(0, "x", number), p))


def told(*numbers: float) -> torch.Tensor:
    """Draws for one image: whether, and the numbers."""
    return torch.tensor([[0.0, *numbers]])


def noise(count: int, colors: int = 3, size: tuple[int, int] = (16, 16), dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(count, colors, *size, generator=torch.Generator().manual_seed(5), dtype=torch.float64).mul(2).sub(1).to(dtype)


def changed(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one != other).flatten(1).any(1)


@pytest.mark.parametrize("policy", ALL)
def test_it_keeps_shape_and_dtype_passes_gradients_and_differs_between_images(policy: str) -> None:
    images = noise(1, size=(32, 32)).expand(16, 3, 32, 32).clone().requires_grad_()
    out = augment(images, [policy])
    assert out.shape == images.shape
    out.square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert len({image.detach().numpy().tobytes() for image in out}) > 1
    assert torch.equal(out, augment(images, [policy])) and not torch.equal(out, augment(images, [policy], number=1))
    for dtype in (torch.float64, torch.bfloat16):
        assert augment(images.detach().to(dtype), [policy]).dtype == dtype


def test_color_is_brightness_then_saturation_then_contrast() -> None:
    image = noise(1, dtype=torch.float64)
    x = image.numpy()[0]
    x = x + (0.7 - 0.5)
    grey = x.mean(0)
    x = (x - grey) * (2 * 0.9) + grey
    x = (x - x.mean()) * (0.5 + 0.25) + x.mean()
    np.testing.assert_allclose(apply(image, ["color"], told(0.7, 0.9, 0.25))[0].numpy(), x, atol=1e-6)  # the numbers are float32


@pytest.mark.parametrize(("fractions", "down", "right"), [
    ((0.0, 0.0), -2, -3), ((0.999999, 0.999999), 2, 3), ((0.5, 0.5), 0, 0), ((0.19, 0.43), -2, 0), ((0.61, 0.15), 1, -2),
])
def test_translation_moves_whole_pixels_and_brings_in_grey(fractions: tuple[float, float], down: int, right: int) -> None:
    image = noise(1, size=(16, 24))  # an eighth is 2 down and 3 right: 5 and 7 steps
    wanted = np.zeros((3, 16, 24), np.float32)
    for row in range(16):
        for column in range(24):
            if 0 <= row - down < 16 and 0 <= column - right < 24:
                wanted[:, row, column] = image[0, :, row - down, column - right]
    assert np.array_equal(apply(image, ["translation"], told(*fractions))[0].numpy(), wanted)


def test_translation_goes_as_often_to_each_place_and_no_further_than_an_eighth() -> None:
    point = torch.zeros(2000, 1, 16, 16)
    point[:, :, 8, 8] = 1
    places = augment(point, ["translation"]).nonzero()[:, 2:] - 8
    assert len(places) == 2000
    counts = torch.bincount((places[:, 0] + 2) * 5 + places[:, 1] + 2, minlength=25)
    assert len(counts) == 25 and ((counts - 80.0) ** 2 / 80).sum() < 51.2  # chi-squared with 24 degrees of freedom, p = .001


def test_cutout_takes_a_box_of_half_of_each_side() -> None:
    ones = torch.ones(1, 2, 16, 24)
    out = apply(ones, ["cutout"], told(0.5, 0.5))[0]  # the centre is at (8, 12)
    wanted = torch.ones(2, 16, 24)
    wanted[:, 5:12, 7:18] = 0  # less than 4 rows and 6 columns from it
    assert torch.equal(out, wanted)
    corner = apply(ones, ["cutout"], told(0.0, 0.999))[0]
    wanted = torch.ones(2, 16, 24)
    wanted[:, :4, 19:] = 0
    assert torch.equal(corner, wanted)


def test_flip_mirrors_half_of_the_images() -> None:
    images = noise(1000, 1, (4, 6))
    out = augment(images, ["flip"])
    mirrored = changed(out, images)
    assert torch.equal(out[mirrored], torch.from_numpy(images[mirrored].numpy()[..., ::-1].copy()))
    assert 440 < mirrored.sum() < 560


def test_rotate_turns_by_each_number_of_right_angles_as_often() -> None:
    images = noise(1000, 2, (5, 5))
    out = augment(images, ["rotate"])
    turned = [(out == torch.from_numpy(np.rot90(images.numpy(), k, (2, 3)).copy())).flatten(1).all(1).sum().item() for k in range(4)]
    assert sum(turned) == 1000 and min(turned) > 200


def test_what_is_not_square_is_not_rotated() -> None:
    with pytest.raises(UserError, match=r"rotate turns by right angles, which needs squares, and the images are 24x16 pixels"):
        draw(["rotate"], 2, (16, 24), generator(0, "x", 0))


def test_a_policy_that_there_is_not_is_named() -> None:
    with pytest.raises(UserError, match=r"train\.augment in params\.yaml: there is no policy 'blur'; there are color, translation, "):
        draw(["color", "blur"], 2, (16, 16), generator(0, "x", 0))


@pytest.mark.parametrize("policy", ALL)
def test_p_0_is_exactly_the_identity(policy: str) -> None:
    images = noise(50)
    assert torch.equal(augment(images, [policy], p=0), images)
    assert torch.equal(augment(images, ALL, p=0), images)


def test_p_is_the_share_of_images_for_each_policy_apart() -> None:
    images = noise(1200, 3, (8, 8))
    for p in (0.2, 0.8):
        by_policy = {policy: changed(augment(images, [policy], p), images) for policy in ("color", "cutout")}
        for happened in by_policy.values():
            assert abs(happened.float().mean() - p) < 4 * (p * (1 - p) / 1200) ** 0.5
    draws = draw(["color", "cutout"], 4000, (8, 8), generator(0, "x", 0), 0.5)
    color, cutout = draws[:, 0] < 1, draws[:, 1 + NUMBERS["color"]] < 1
    assert abs((color & cutout).float().mean() - 0.25) < 0.03


def test_p_changes_whether_and_not_what() -> None:
    images = noise(300)
    always, often = augment(images, ["translation"]), augment(images, ["translation"], p=0.6)
    same = ~changed(often, always)
    assert torch.equal(often[~same], images[~same]) and 0 < (~same).sum() < 200


def test_p_may_be_a_tensor_on_the_device() -> None:
    images = noise(300)
    draws = draw(ALL, 300, (16, 16), generator(0, "x", 0))
    out = apply(images, ALL, draws, torch.tensor(0.3))
    assert torch.equal(apply(images, ALL, draws, torch.tensor(0.0)), images)
    assert torch.equal(apply(images, ALL, draws, torch.tensor(1.0)), apply(images, ALL, draws))
    assert torch.equal(out, apply(images, ALL, draws, 0.3)) and 0 < changed(out, images).sum() < 300


def test_each_policy_uses_its_own_columns_in_the_order_given() -> None:
    images = noise(4)
    for order in permutations(["cutout", "flip", "translation"]):
        draws = draw(order, 4, (16, 16), generator(0, "x", 0))
        assert draws.shape == (4, 8) and draws.dtype == torch.float32
        out, place = images, 0
        for policy in order:
            out = apply(out, [policy], draws[:, place : place + 1 + NUMBERS[policy]])
            place += 1 + NUMBERS[policy]
        assert torch.equal(apply(images, order, draws), out)
    assert torch.equal(apply(images, [], draw([], 4, (16, 16), generator(0, "x", 0))), images)


def test_a_float64_run_does_what_a_float32_run_does() -> None:
    images, draws = noise(100, dtype=torch.float64), draw(ALL, 100, (16, 16), generator(0, "x", 0), 0.7)
    wide = apply(images, ALL, draws.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), apply(images.float(), ALL, draws), rtol=0, atol=1e-5)


def test_rows_of_the_draws_are_rows_of_the_result() -> None:
    images = noise(12)
    draws = draw(ALL, 12, (16, 16), generator(0, "x", 0), 0.7)
    parts = [apply(images[rows], ALL, draws[rows]) for rows in (slice(0, 5), slice(5, 6), slice(6, 12))]
    torch.testing.assert_close(torch.cat(parts), apply(images, ALL, draws), rtol=0, atol=1e-6)


def test_both_halves_of_a_pair_move_alike_whatever_their_sizes() -> None:
    size, small = 32, 8
    squares = torch.zeros(40, 1, size, size)
    for number in range(40):
        squares[number, :, 8 + number % 8 : 20, 10:24] = 1
    policies = ["flip", "rotate", "translation"]
    draws = draw(policies, 40, (size, size), generator(0, "x", 3))
    target, given = apply(squares, policies, draws), apply(squares.clone() * 0.5, policies, draws)
    assert torch.equal(given * 2, target)

    def centre(images: torch.Tensor) -> torch.Tensor:
        side = images.shape[-1]
        at = (torch.arange(side) + 0.5) / side
        weights = images.sum((1, 2, 3))
        return torch.stack([(images.sum((1, 3)) * at).sum(1) / weights, (images.sum((1, 2)) * at).sum(1) / weights], 1)

    halved = apply(torch.nn.functional.avg_pool2d(squares, size // small), policies, draws)
    assert (centre(halved) - centre(target)).abs().max() <= 0.5 / small + 0.5 / size  # whole pixels of each



@pytest.mark.parametrize("policies", [*([name] for name in ALL), ALL], ids=lambda names: "+".join(names))
def test_gradients_of_gradients_are_right(policies: list[str]) -> None:
    draws = draw(policies, 6, (8, 8), generator(0, "x", 1), 0.8)  # 8, or nothing could be moved by an eighth

    def cubed(images: torch.Tensor) -> torch.Tensor:
        return apply(images**3, policies, draws)

    images = noise(6, 2, (8, 8), torch.float64).requires_grad_()
    assert changed(cubed(images), images**3).any()
    torch.manual_seed(0)  # of the directions that the fast mode looks along
    assert torch.autograd.gradcheck(cubed, images, fast_mode=True)
    assert torch.autograd.gradgradcheck(cubed, images, fast_mode=True)


def test_the_gradient_of_a_movement_is_the_movement_back() -> None:
    image, draws = noise(1, dtype=torch.float64).requires_grad_(), told(0.999, 0.0)  # 2 down, 2 left
    weights = noise(2, dtype=torch.float64)[1:]
    (gradient,) = torch.autograd.grad((apply(image, ["translation"], draws) * weights).sum(), image)
    wanted = torch.zeros_like(weights)
    wanted[:, :, :-2, 2:] = weights[:, :, 2:, :-2]
    assert torch.equal(gradient, wanted)


def test_the_penalty_of_a_network_behind_it_is_what_the_moved_image_has() -> None:
    # the squared norm of the gradient does not change when pixels only move: R1 may be taken before or behind a flip
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Softplus(), torch.nn.Conv2d(4, 1, 3)).double()
    images = noise(5, dtype=torch.float64).requires_grad_()
    draws = draw(["flip", "rotate"], 5, (16, 16), generator(0, "x", 0))

    def penalty(from_: torch.Tensor, seen: torch.Tensor) -> list[torch.Tensor]:
        (gradient,) = torch.autograd.grad(network(seen).sum(), from_, create_graph=True)
        value = gradient.square().sum()
        return [value, *torch.autograd.grad(value, list(network.parameters())[:2])]

    moved = apply(images, ["flip", "rotate"], draws)
    alone = moved.detach().requires_grad_()
    for one, other in zip(penalty(images, moved), penalty(alone, alone), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("format_", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_memory_does_not_matter(format_: torch.memory_format) -> None:
    images = noise(6)
    torch.testing.assert_close(augment(images.to(memory_format=format_), ALL), augment(images, ALL), rtol=0, atol=1e-6)


def test_adaptive_p_goes_from_0_to_1_in_its_kimg_and_back() -> None:
    rule = Adaptive()
    assert (rule.target, rule.every, rule.kimg) == (0.6, 4, 500)
    p, steps = 0.0, 0
    while p < 1:
        p, steps = rule.update(p, 0.7, 4 * 64), steps + 1
    assert steps == -(-500_000 // 256) and p == 1
    assert rule.update(1.0, 0.9, 256) == 1
    assert rule.update(1.0, 0.5, 256) == pytest.approx(1 - 256 / 500_000)
    assert rule.update(0.0, -1.0, 256) == 0
    assert rule.update(0.3, 0.6, 256) == 0.3  # neither sure nor unsure
    assert Adaptive(kimg=10).update(0.0, 1.0, 100) == pytest.approx(0.01)


def test_adaptive_p_may_be_a_tensor() -> None:
    p = torch.tensor(0.25)
    for r, wanted in ((0.9, 0.25 + 0.01), (0.1, 0.25 - 0.01)):
        moved = Adaptive(kimg=10).update(p, torch.tensor(r), 100)
        assert moved.shape == () and moved.dtype == p.dtype and moved.item() == pytest.approx(wanted)


@pytest.mark.parametrize(("realness", "wanted"), [
    (lambda: torch.tensor([3.0, -0.1, 0.2, 9.0]), 0.5), (lambda: torch.full((2, 1, 3, 3), -7.0, dtype=torch.bfloat16), -1.0),
])
def test_overfitting_is_the_mean_sign(realness: Callable[[], torch.Tensor], wanted: float) -> None:
    r = overfitting(realness().requires_grad_())
    assert r.item() == wanted and r.shape == () and not r.requires_grad and r.dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_captured_graph_takes_new_draws() -> None:
    gpu = torch.device("cuda")
    images, held = noise(8).to(gpu), draw(ALL, 8, (16, 16), generator(0, "x", 0), 0.7).to(gpu)
    for _ in range(3):
        apply(images, ALL, held)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = apply(images, ALL, held)
    for number in range(1, 4):
        fresh = draw(ALL, 8, (16, 16), generator(0, "x", number), 0.7)
        held.copy_(fresh)
        graph.replay()
        torch.testing.assert_close(out.cpu(), apply(images.cpu(), ALL, fresh), rtol=0, atol=1e-5)
