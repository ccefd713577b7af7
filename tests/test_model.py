"""The model folder and its use: what is written can be read, images depend on what they should, tiles give the whole."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import nn

from pipeline.errors import UserError
from pipeline.image import ImageError
from pipeline.train import networks
from pipeline.train.model import Model, Translate, Upscale, generate, interpolate, load_model, save_model
from pipeline.train.model.card import card, learned, loading
from pipeline.train.model.sample import slerp, truncated
from pipeline.train.model.tiles import reach_of
from tests.conftest import ROOT, picture
from tests.shards import write_shard


class Painter(nn.Module):
    """Two numbers of the latent, and the class, as grey levels of a flat picture."""

    def __init__(self, *, size: tuple[int, int], colors: int, latent: int, channels: int, classes: int = 0) -> None:
        super().__init__()
        self.size, self.colors, self.classes = size, colors, classes
        self.weight = nn.Parameter(torch.randn(channels))

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        level = z[:, 0].tanh() / 2 if labels is None else labels / 10 + 0 * z[:, 0]
        return level[:, None, None, None].expand(-1, self.colors, *self.size)


class Copier(nn.Module):
    """Gives back what it is given; `depth` as a network has that takes multiples of 8 only."""

    def __init__(self, *, size: tuple[int, int], colors: int, given_size: tuple[int, int], given_colors: int, channels: int) -> None:
        super().__init__()
        self.depth = 3
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, given: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert given.shape[2] % 8 == 0 and given.shape[3] % 8 == 0
        return given * self.weight


class Enlarger(nn.Module):
    """Convolutions with a reach of 1 + 2 + 1/2 pixels, to twice the size."""

    def __init__(self, *, size: tuple[int, int], colors: int, given_size: tuple[int, int], given_colors: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(given_colors, channels, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(channels, 4 * channels, 5, padding=2),
            nn.PixelShuffle(2), nn.Conv2d(channels, colors, 3, padding=1), nn.Tanh(),
        )

    def forward(self, given: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(given)


@pytest.fixture(autouse=True)
def _families(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, family in (("painter", Painter), ("copier", Copier), ("enlarger", Enlarger)):
        monkeypatch.setitem(networks.GENERATORS, name, family)


def saved(folder: Path, name: str, facts: dict[str, object] | None = None, seed: int = 0, **network: object) -> Model:
    torch.manual_seed(seed)
    generator = networks.GENERATORS[name](**network)
    save_model(folder, generator, {"name": name, **network}, facts or {"recipe": "dcgan", "classes": []})
    return load_model(folder)


def dcgan(folder: Path, **more: object) -> Model:
    return saved(folder, "dcgan", size=(32, 32), colors=3, latent=8, channels=4, **more)


def painter(folder: Path) -> Model:
    facts = {"classes": ["cats", "dogs", "owls"], "recipe": "acgan"}
    return saved(folder, "painter", facts, size=(6, 8), colors=1, latent=4, channels=2, classes=3)


def copier(folder: Path, colors: int = 3) -> Model:
    return saved(folder, "copier", size=(16, 16), colors=colors, given_size=(16, 16), given_colors=colors, channels=1)


def enlarger(folder: Path, colors: int = 3) -> Model:
    return saved(folder, "enlarger", size=(32, 32), colors=colors, given_size=(16, 16), given_colors=colors, channels=4)


def all_of(model: Model, count: int, seed: int = 0, **options: object) -> np.ndarray:
    return np.concatenate(list(generate(model, count, seed, **options)))


# the folder


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    model = dcgan(tmp_path)
    assert (model.kind, model.latent, model.size, model.colors, model.scale, model.classes) == ("noise", 8, (32, 32), 3, 1, [])
    torch.manual_seed(0)
    made = networks.GENERATORS["dcgan"](size=(32, 32), colors=3, latent=8, channels=4).eval()
    z = torch.randn(2, 8)
    assert torch.equal(made(z), model.generator(z))
    assert not model.generator.training
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "generator.safetensors"]


def test_the_kind_and_the_scale_come_from_the_sizes(tmp_path: Path) -> None:
    assert (copier(tmp_path / "a").kind, enlarger(tmp_path / "b").kind) == ("translation", "upscaling")
    assert enlarger(tmp_path / "b").scale == 2
    assert painter(tmp_path / "c").classes == ["cats", "dogs", "owls"]


def test_loading_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    dcgan(tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_model(tmp_path)
    assert torch.equal(torch.rand(1), expected)


def test_spectral_normalisation_is_worked_into_the_weights(tmp_path: Path) -> None:
    network = {"size": (16, 16), "colors": 1, "given_size": (8, 8), "given_colors": 1, "channels": 2}
    generator = Enlarger(**network)  # type: ignore[arg-type]
    nn.utils.parametrizations.spectral_norm(generator.layers[0])
    generator(torch.rand(1, 1, 8, 8))
    generator.eval()
    x = torch.rand(1, 1, 8, 8)
    expected = generator(x)
    save_model(tmp_path, generator, {"name": "enlarger", **network}, {"classes": []})
    assert torch.allclose(load_model(tmp_path).generator(x), expected, atol=1e-6)
    assert torch.equal(generator(x), expected)  # and what was saved is as it was


@pytest.mark.parametrize("name", ["generator.pt", "generator.pth", "generator.pkl"])
def test_files_that_could_run_code_are_refused(tmp_path: Path, name: str) -> None:
    dcgan(tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04.")
    for given in (tmp_path, tmp_path / name):
        with pytest.raises(UserError, match=f"{name} can run code when it is opened"):
            load_model(given)


def test_what_is_no_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json is missing"):
        load_model(tmp_path)
    dcgan(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change, words in (({"format": 9}, "newer"), ({"network": {**config["network"], "name": "x"}}, "newer"),
                          ({"network": {**config["network"], "channels": 5}}, "holds no generator"), ({"kind": "x"}, "holds no generator"),
                          ({"network": {**config["network"], "classes": 1}, "classes": ["../up"]}, "holds no generator")):
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(UserError, match=words):
            load_model(tmp_path)
    (tmp_path / "config.json").write_text("[" * 100_000)  # deeper than Python goes
    with pytest.raises(UserError, match="holds no generator that can be read"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(UserError, match="holds no generator"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "generator.safetensors").write_bytes(b"PK\x03\x04 a zip, as torch writes")
    with pytest.raises(UserError, match="holds no generator"):
        load_model(tmp_path)
    (tmp_path / "generator.safetensors").unlink()
    with pytest.raises(UserError, match="safetensors is missing"):
        load_model(tmp_path)


def test_another_kind_names_the_command(tmp_path: Path) -> None:
    noise, translator, upscaler = dcgan(tmp_path / "n"), copier(tmp_path / "t"), enlarger(tmp_path / "u")
    with pytest.raises(UserError, match="translates pictures; use `darkroom translate`"):
        next(generate(translator, 1, 0))
    with pytest.raises(UserError, match="use `darkroom upscale`"):
        interpolate(upscaler, [0, 1], 3)
    with pytest.raises(UserError, match="use `darkroom generate`"):
        Translate(noise)
    with pytest.raises(UserError, match="use `darkroom translate`"):
        Upscale(translator)


# noise to images


def test_an_image_depends_on_its_number_and_not_on_how_many_there_are(tmp_path: Path) -> None:
    model = dcgan(tmp_path)
    many = all_of(model, 37)
    assert many.shape == (37, 32, 32, 3) and many.dtype == np.uint8
    for count in (1, 5, 16, 20):
        assert np.array_equal(all_of(model, count), many[:count])
    assert not np.array_equal(all_of(model, 5, seed=1), many[:5])
    assert len({image.tobytes() for image in many}) == 37


def test_classes_come_in_turn_or_as_asked(tmp_path: Path) -> None:
    model = painter(tmp_path)
    levels = [round(127.5 * (1 + k / 10)) for k in range(3)]
    assert all_of(model, 7)[:, 0, 0, 0].tolist() == [levels[k % 3] for k in range(7)]
    assert set(all_of(model, 4, label="owls").ravel().tolist()) == {levels[2]}
    with pytest.raises(UserError, match="knows no class 'cows'; it knows cats, dogs, owls"):
        all_of(model, 1, label="cows")
    with pytest.raises(UserError, match="was told no classes"):
        all_of(dcgan(tmp_path / "plain"), 1, label="cats")


@pytest.mark.parametrize(("share", "threshold"), [(0.9545, 2.0), (0.6827, 1.0), (0.3829, 0.5)])
def test_truncated_noise_is_a_truncated_normal(share: float, threshold: float) -> None:
    z = truncated(torch.randn(20000, generator=torch.Generator().manual_seed(0)), share)
    assert z.abs().max() <= threshold * 1.001
    assert stats.kstest(z.numpy(), stats.truncnorm(-threshold, threshold).cdf).pvalue > 0.01  # SciPy's own


def test_truncation_moves_images_and_one_leaves_them(tmp_path: Path) -> None:
    model = dcgan(tmp_path)
    assert np.array_equal(all_of(model, 3, truncation=1.0), all_of(model, 3))
    assert not np.array_equal(all_of(model, 3, truncation=0.5), all_of(model, 3))
    for wrong in (0.0, 1.1, -1.0):
        with pytest.raises(UserError, match="truncation"):
            all_of(model, 1, truncation=wrong)


def test_slerp_stays_on_the_sphere_and_turns_evenly() -> None:
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 3.0, 0.0])
    third = slerp(a, b, 1 / 3)  # 30 degrees of 90
    assert torch.allclose(third, torch.tensor([3 * 3**0.5 / 2, 1.5, 0.0]), atol=1e-6)
    assert torch.allclose(slerp(a, b, 0.0), a) and torch.allclose(slerp(a, b, 1.0), b, atol=1e-6)
    assert torch.allclose(slerp(a, a, 0.4), a)


def test_a_walk_begins_and_ends_at_the_seeds_first_images(tmp_path: Path) -> None:
    model = dcgan(tmp_path)
    walk = interpolate(model, [3, 4, 5], 9)
    assert walk.shape == (17, 32, 32, 3)
    for place, seed in ((0, 3), (8, 4), (16, 5)):
        difference = np.abs(walk[place].astype(int) - all_of(model, 1, seed)[0]).max()
        assert difference <= 1  # the arc's end is the vector to rounding
    with pytest.raises(UserError, match="at least two seeds"):
        interpolate(model, [1], 4)


# pictures to pictures


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(16, 16), (13, 29), (1, 3)])
def test_a_translation_has_the_size_of_the_picture_and_its_pixels_in_place(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    given = picture(1, (40, 40), mode).crop((0, 0, *size))
    made = Translate(copier(tmp_path))(given)
    white = Image.new("RGBA", given.size, "white")
    white.alpha_composite(given.convert("RGBA"))
    assert np.array_equal(np.asarray(made), np.asarray(white.convert("RGB")))


def test_a_translator_of_grey_sees_grey_and_stretches_when_told(tmp_path: Path) -> None:
    model = copier(tmp_path, colors=1)
    assert (Translate(model)(picture(2)).mode, Translate(model)(picture(2)).size) == ("L", (96, 80))
    assert Translate(model, stretch=True)(picture(2)).size == (16, 16)
    with pytest.raises(ImageError, match="4,000,000"):
        Translate(model)(Image.new("L", (2500, 2000)))


@pytest.mark.parametrize("colors", [1, 3])
def test_tiles_give_the_whole_picture(tmp_path: Path, colors: int) -> None:
    model = enlarger(tmp_path, colors)
    given = picture(3, (150, 101))
    whole = np.asarray(Upscale(model, tile=200)(given)).astype(int)
    assert whole.shape == (202, 300, 3) and whole.std() > 1
    for tile in (32, 64):
        assert np.abs(np.asarray(Upscale(model, tile)(given)) - whole).max() <= 1


def test_the_reach_is_not_less_than_what_changes(tmp_path: Path) -> None:
    network = enlarger(tmp_path, 1).generator
    x = torch.rand(1, 1, 31, 31)
    y = x.clone()
    y[0, 0, 15, 15] += 1
    changed = (network(x) - network(y)).abs()[0, 0].nonzero()[:, 0] // 2
    assert 3 <= int((changed - 15).abs().max()) <= reach_of(network, x)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_enlarged_picture_keeps_its_mode_and_transparency(tmp_path: Path, mode: str) -> None:
    given = picture(4, (20, 12), mode)
    made = Upscale(enlarger(tmp_path))(given)
    assert (made.mode, made.size) == (mode, (40, 24))
    if mode in ("LA", "RGBA"):
        expected = given.getchannel("A").resize((40, 24), Image.Resampling.BICUBIC)
        assert np.array_equal(np.asarray(made.getchannel("A")), np.asarray(expected))


def test_hidden_colours_do_not_shine_through(tmp_path: Path) -> None:
    pixels = np.asarray(picture(5, (24, 24), "RGBA")).copy()
    pixels[:, :, 3] = 0
    pixels[8:16, 8:16] = (200, 30, 40, 255)
    made = []
    for hidden in (0, 255):
        pixels[pixels[:, :, 3] == 0, :3] = hidden
        made.append(np.asarray(Upscale(enlarger(tmp_path))(Image.fromarray(pixels))))
    assert np.array_equal(made[0], made[1])


def test_what_would_be_too_large_to_read_again_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="more than the 100,000,000 pixels allowed"):
        Upscale(enlarger(tmp_path))(Image.new("L", (6000, 5000)))


# the card


def test_the_card_tells_what_the_model_saw(tmp_path: Path) -> None:
    facts = [
        {"class": "cats" if number < 3 else "dogs", "license": "cc-by" if number else "",
         "license_url": "https://creativecommons.org/licenses/by/4.0/" if number else ""}
        for number in range(4)
    ]
    members = {f"i{number}.json": json.dumps(fact).encode() for number, fact in enumerate(facts)}
    write_shard(tmp_path / "train-000000.tar", {**members, "i0__fliph.json": members["i0.json"], "i0.png": b"x"})
    write_shard(tmp_path / "holdout-000000.tar", {"i9.json": members["i1.json"]})
    saw = learned(tmp_path, hashlib.sha256(b"x").hexdigest())
    assert (dict(saw.images), saw.licenses[0][::2]) == ({"cats": 3, "dogs": 1}, ("cc-by", 3))
    config = painter(tmp_path).config
    text = card(config, "Odena et al., arXiv:1610.09585", saw, {"fid": 12.34567, "weights_sha256": "0"}, ["samples look alike"],
                ["samples.png", "curves.png"])
    for words in ("https://arxiv.org/abs/1610.09585", "| cats | 3 |", "| dogs | 1 |", "creativecommons.org/licenses/by/4.0/",
                  "ATTRIBUTION.csv", "12.35",
                  "samples look alike", "](samples.png)", "](curves.png)", "2d711642b726b044", "| unknown | 1 |"):
        assert words in text, words
    assert "evolution.gif" not in text and "0.0.0" not in text
    assert "metrics.json" in card(config, "no paper") and "Warnings" not in card(config, "no paper")


@pytest.mark.parametrize("kind", ["noise", "translation", "upscaling"])
def test_the_cards_lines_run(tmp_path: Path, kind: str) -> None:
    image_network = {"size": (32, 32), "colors": 3, "given_colors": 3, "channels": 4}
    place = tmp_path / "model"
    model = {
        "noise": lambda: dcgan(place),
        "translation": lambda: saved(place, "unet", given_size=(32, 32), **image_network),
        "upscaling": lambda: saved(place, "srresnet", given_size=(16, 16), blocks=1, **image_network),
    }[kind]()
    picture(6, (20, 14)).save(tmp_path / "given.png")
    lines = loading(model.kind)
    assert len(lines) <= 5 and "\n".join(lines) in card(model.config, "")
    subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=place, env={"PYTHONPATH": str(ROOT), "PATH": ""}, check=True)
    assert {path.name for path in place.iterdir()} == {"config.json", "generator.safetensors"}, "DVC's folder stays as it is"
    made = tmp_path / ("sample.png" if kind == "noise" else "made.png")
    assert Image.open(made).size == {"noise": (32, 32), "translation": (20, 14), "upscaling": (40, 28)}[kind]
