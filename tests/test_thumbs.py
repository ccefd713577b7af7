"""Thumbnails of the review page."""

import io

import numpy as np
from PIL import Image

from pipeline import image
from pipeline.curate.review.thumbs import small
from tests.conftest import encoded
from tests.test_image_colour import P3, rgb_profile, srgb_curve


def test_a_wide_gamut_picture_is_brought_to_srgb_once() -> None:
    data = encoded(Image.new("RGB", (64, 64), (200, 120, 60)), icc_profile=rgb_profile(P3, srgb_curve()))
    with Image.open(io.BytesIO(small(data, 32, 95))) as thumb:
        assert "icc_profile" not in thumb.info
        shown = np.asarray(thumb.convert("RGB")).astype(int)
    meant = np.asarray(image.decode(data)).astype(int)[16, 16]
    assert abs(meant - (200, 120, 60)).max() > 5, "the profile matters here"
    assert abs(shown - meant).max() <= 4
