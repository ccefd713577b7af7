import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.train import device, diffaugment, sample
from pipeline.train.dataset import Dataset
from pipeline.train.networks import dcgan
from pipeline.train.noise import generator, latents
from pipeline.train.recipes import RECIPES
from pipeline.train.trainer import Settings, Tick, Trained, length_in_kimg, train

SETTINGS = Settings(seed=0, kimg=0.096, batch=16, channels=8, learning_rate=None, policies=("color", "translation", "cutout"), threads=2)


def dataset(count: int = 20, size: tuple[int, int] = (32, 32), colors: int = 3) -> Dataset:
    """Bright squares on black: a generator that learns anything makes the middle brighter than the rim."""
    images = torch.zeros(count, colors, *size, dtype=torch.uint8)
    images[:, :, size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = 255
    return Dataset(images, torch.zeros(count, dtype=torch.int64), ["a"], [f"i{n}" for n in range(count)])


def run(data: Dataset, settings: Settings = SETTINGS) -> tuple[Trained, list[Tick]]:
    ticks: list[Tick] = []
    return train(data, RECIPES["dcgan"], settings, torch.device("cpu"), ticks.append), ticks


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.generator.state_dict()


def test_the_same_run_gives_the_same_weights_bit_for_bit() -> None:
    (one, _), (other, _), (third, _) = run(dataset()), run(dataset()), run(dataset(), replace(SETTINGS, seed=1))
    assert all(torch.equal(a, b) for a, b in zip(weights(one).values(), weights(other).values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(one).values(), weights(third).values(), strict=True))


def test_it_learns() -> None:
    def contrast(tick: Tick) -> float:  # 2 for the real images
        return float(tick.samples[:, :, 10:22, 10:22].mean() - tick.samples[:, :, :6].mean())

    _, ticks = run(dataset(), replace(SETTINGS, kimg=3.0, batch=16))
    assert abs(contrast(ticks[0])) < 0.05 and contrast(ticks[-1]) > 0.25


def test_ticks_are_counted_in_kimg_and_scores_are_probabilities() -> None:
    _, ticks = run(dataset())
    assert ticks[0].kimg == 0 and ticks[-1].kimg == pytest.approx(0.096)
    assert all(0 < tick.d_real < 1 and 0 < tick.d_fake < 1 for tick in ticks[1:])


def test_length_in_either_unit() -> None:
    assert length_in_kimg(5, None, 300) == 5
    assert length_in_kimg(None, 10, 300) == 3


def test_one_image_is_too_few() -> None:
    with pytest.raises(UserError, match="at least two images"):
        run(dataset(1))


def test_every_image_comes_once_in_each_pass_and_a_position_is_enough() -> None:
    data = dataset(7)
    numbered = replace(data, images=torch.arange(7, dtype=torch.uint8)[:, None, None, None].expand(7, 3, 4, 4).clone())
    batches = torch.cat([numbered.batch(3, start, 5) for start in range(0, 35, 5)])
    order = ((batches[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    for turn in range(5):
        assert sorted(order[turn * 7 : turn * 7 + 7]) == list(range(7))
    assert torch.equal(numbered.batch(3, 15, 5), batches[15:20])


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (48, 48), (64, 32)])
@pytest.mark.parametrize("colors", [1, 3])
def test_networks_make_and_read_the_size(size: tuple[int, int], colors: int) -> None:
    made = dcgan.Generator(size, 10, 8, colors)(torch.randn(2, 10))
    assert made.shape == (2, colors, *size) and made.abs().max() <= 1
    assert dcgan.Discriminator(size, 8, colors)(made).shape == (2,)


def test_a_size_that_cannot_be_halved_says_which_can() -> None:
    with pytest.raises(UserError, match=r"resize\.size: .* such as 32, 48, 64 or \[96, 64\]; 30x30 does not"):
        dcgan.steps_for((30, 30))


def test_initial_weights_are_those_of_the_paper() -> None:
    network = dcgan.Discriminator((64, 64), 64, 3)
    layer = network.layers[3].weight
    assert layer.mean().item() == pytest.approx(0, abs=1e-3) and layer.std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("policy", sorted(diffaugment.POLICIES))
def test_augmentation_keeps_shape_passes_gradients_and_differs_between_images(policy: str) -> None:
    images = torch.rand(1, 3, 32, 32).expand(6, 3, 32, 32).clone().requires_grad_()
    out = diffaugment.augment(images, [policy], generator(0, "x", 0))
    assert out.shape == images.shape
    out.square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert len({round(float(image.sum()), 3) for image in out.detach()}) > 1
    again = diffaugment.augment(images, [policy], generator(0, "x", 0))
    assert torch.equal(out, again)


def test_translation_moves_by_at_most_an_eighth() -> None:
    point = torch.zeros(200, 1, 32, 32)
    point[:, :, 16, 16] = 1
    places = diffaugment.augment(point, ["translation"], generator(0, "x", 0)).nonzero()[:, 2:] - 16
    assert places.abs().max() == 4 and len(places) == 200


def test_a_model_folder_gives_the_same_images_again_and_holds_no_code(tmp_path: Path) -> None:
    trained, _ = run(dataset())
    sample.save_generator(tmp_path, trained.generator, trained.network, {"recipe": "dcgan"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "generator.safetensors"]
    loaded, latent = sample.load_generator(tmp_path)
    made = np.concatenate(list(sample.generate(loaded, latent, 5, seed=1)))
    assert made.shape == (5, 32, 32, 3) and made.dtype == np.uint8
    many = np.concatenate(list(sample.generate(loaded, latent, 120, seed=1)))
    assert np.abs(many[:5].astype(int) - made).max() <= 1  # image k is image k, however many are asked for
    assert torch.equal(latents(1, 3, latent), latents(1, 9, latent)[:3])


@pytest.mark.parametrize("damage", ["pickle", "cut", "config", "missing"])
def test_what_is_no_model_is_one_sentence(tmp_path: Path, damage: str) -> None:
    trained, _ = run(dataset())
    sample.save_generator(tmp_path, trained.generator, trained.network, {})
    file = tmp_path / "generator.safetensors"
    if damage == "pickle":
        torch.save({"run": "me"}, file)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "config":
        (tmp_path / "config.json").write_text(json.dumps({"format": 1}))
    else:
        file.unlink()
    with pytest.raises(UserError) as caught:
        sample.load_generator(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_gpu_that_torch_cannot_use_is_a_stop_that_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "GPU 0: NVIDIA H200 (UUID: GPU-1)"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match=r"this machine has NVIDIA H200, but torch .* set train\.device: cpu"):
        device.choose("auto")
    assert device.choose("cpu").type == "cpu"
    program.write_text("#!/bin/sh\nexit 9\n")
    assert device.choose("auto").type == "cpu"
    with pytest.raises(UserError, match="no NVIDIA GPU was found"):
        device.choose("cuda")
