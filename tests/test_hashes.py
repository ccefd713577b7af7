import io

import numpy as np
import pytest
from PIL import Image

from pipeline.curate.hashes import Features, hamming, pdq
from tests.conftest import encoded, picture


def distance(one: Image.Image, other: Image.Image) -> int:
    a, b = (np.frombuffer(pdq(x)[0], np.uint8) for x in (one, other))
    return int(hamming(a, b[None])[0])


def test_size_and_compression_hardly_move_the_hash() -> None:
    original = picture(1, (400, 300))
    jpeg = Image.open(io.BytesIO(encoded(original, "JPEG", quality=30))).convert("RGB")
    assert distance(original, jpeg) <= 31
    assert distance(original, original.resize((150, 112), Image.Resampling.LANCZOS)) <= 31


def test_different_pictures_are_about_half_of_the_bits_apart() -> None:
    distances = [distance(picture(n, (300, 300)), picture(n + 1, (300, 300))) for n in range(10)]
    assert min(distances) > 80


def test_half_of_the_bits_are_set() -> None:
    bits = np.unpackbits(np.frombuffer(pdq(picture(3, (200, 200)))[0], np.uint8))
    assert bits.sum() == 128  # by the definition: above the median of 256 values


def test_quality_tells_flat_from_structured() -> None:
    assert pdq(Image.new("RGB", (200, 200), (90, 90, 90)))[1] == 0
    assert pdq(picture(4, (200, 200)))[1] == 100


def test_pixels_are_compared_after_orientation_and_without_idle_alpha(tmp_path) -> None:
    original = picture(5)
    exif = Image.Exif()
    exif[0x0112] = 3
    opaque = original.convert("RGBA")
    variants = {
        "a.png": encoded(original), "b.png": encoded(opaque), "c.bmp": encoded(original, "BMP"),
        "d.png": encoded(original.rotate(180), "PNG", exif=exif),
    }
    digests = set()
    for name, data in variants.items():
        (tmp_path / name).write_bytes(data)
        digests.add(Features()(tmp_path / name).pixels)
    assert len(digests) == 1


@pytest.mark.parametrize("sizes", [((100, 200), (200, 100))])
def test_the_shape_is_part_of_the_pixels(tmp_path, sizes) -> None:
    found = []
    for number, size in enumerate(sizes):
        path = tmp_path / f"{number}.png"
        path.write_bytes(encoded(Image.new("RGB", size, "white")))
        found.append(Features()(path).pixels)
    assert found[0] != found[1]
