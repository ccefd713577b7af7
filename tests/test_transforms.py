"""Albumentations by name: what it does to pictures, to pairs and to alpha, and what is said of what cannot be used."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.image import ImageError
from pipeline.prepare.augmentation import transforms
from pipeline.prepare.augmentation.transforms import Problem, Transform
from tests.conftest import ROOT, picture

RGB = np.asarray(picture(1, (48, 40)))


def transform(name: str, **arguments: object) -> Transform:
    return Transform(name, json.dumps(arguments))


def applied(name: str, *pictures: np.ndarray, seed: int = 0, **arguments: object) -> list[np.ndarray]:
    return transforms.apply(pictures or [RGB], transform(name, **arguments), seed)


def complaint(name: str, **arguments: object) -> str:
    with pytest.raises(Problem) as raised:
        transforms.tried(transform(name, **arguments), RGB)
    return str(raised.value)


def test_a_transform_does_what_its_name_says_each_time() -> None:
    assert np.array_equal(applied("HorizontalFlip")[0], RGB[:, ::-1])
    assert np.array_equal(applied("InvertImg")[0], 255 - RGB)
    for seed in range(5):  # the library's own p would leave half of them as they are
        assert not np.array_equal(applied("InvertImg", seed=seed)[0], RGB)
    assert np.array_equal(applied("InvertImg", p=0.0)[0], RGB)


def test_what_is_random_follows_from_the_seed_and_from_nothing_before() -> None:
    first = applied("GaussNoise", seed=4)[0]
    applied("GaussNoise", seed=5)
    assert np.array_equal(applied("GaussNoise", seed=4)[0], first)
    assert not np.array_equal(applied("GaussNoise", seed=5)[0], first)


def test_lists_stand_for_tuples() -> None:
    changed = applied("CoarseDropout", num_holes_range=[1, 1], hole_height_range=[10, 10], hole_width_range=[6, 6], fill=[1, 2, 3])[0]
    assert (changed != RGB).any(axis=2).sum() <= 60 and (changed == (1, 2, 3)).all(axis=2).sum() >= 55
    scaled = applied("Affine", scale=[0.5, 0.5], translate_percent={"x": [0.1, 0.1], "y": [0, 0]})[0]
    assert scaled.shape == RGB.shape


@pytest.mark.parametrize("name", ["HorizontalFlip", "Affine", "ElasticTransform", "RandomResizedCrop", "CoarseDropout", "Perspective", "D4",
                                  "GridDistortion", "RandomGridShuffle", "SafeRotate"])
def test_what_moves_pixels_does_the_same_to_both_pictures(name: str) -> None:
    arguments = {"RandomResizedCrop": {"size": [40, 40]}, "Affine": {"rotate": [-40, 40]}}.get(name, {})
    one, other = picture(1, (40, 40)), np.asarray(picture(2, (40, 40)))
    for seed in range(4):
        pair = applied(name, np.asarray(one), other, seed=seed, **arguments)
        alone = [applied(name, half, seed=seed, **arguments)[0] for half in (np.asarray(one), other)]
        assert all(np.array_equal(a, b) for a, b in zip(pair, alone, strict=True))


def test_alpha_moves_along_and_hides_what_it_hid() -> None:
    pixels = np.asarray(picture(3, (40, 40), "RGBA")).copy()
    pixels[:, :20, 3] = 0
    red, hidden = pixels.copy(), pixels.copy()
    red[:, :, :3], hidden[:, :, :3] = (255, 0, 0), (255, 0, 0)
    hidden[:, :20, :3] = (0, 255, 255)
    one, other = (applied("Rotate", given, seed=2, limit=[30, 30], interpolation=1)[0] for given in (red, hidden))
    visible = one[:, :, 3] > 0
    assert np.array_equal(one, other) and (one[visible][:, 1:3] == 0).all()
    assert np.array_equal(applied("HorizontalFlip", pixels)[0][:, :, 3], pixels[:, ::-1, 3])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_stays_what_it_is(mode: str) -> None:
    pixels = np.asarray(picture(4, (40, 40), mode))
    for name in ("HueSaturationValue", "Rotate", "GaussNoise"):
        assert applied(name, pixels)[0].shape == pixels.shape
    if mode in ("LA", "RGBA"):
        assert np.array_equal(applied("InvertImg", pixels)[0][:, :, -1], pixels[:, :, -1]), "colours change, alpha does not"
    grey = np.asarray(picture(4, (40, 40), "L"))
    assert np.array_equal(applied("HorizontalFlip", grey)[0], grey[:, ::-1])


def test_what_fails_on_one_picture_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="RandomCrop: .*99"):
        applied("RandomCrop", height=99, width=99)


@pytest.mark.parametrize(("name", "said"), [
    ("GausNoise", "did you mean GaussNoise"), ("rotate", "did you mean Rotate"), ("Xyzzy", "there are AdditiveNoise, "),
    ("OneOf", "no transform OneOf"), ("DualTransform", "no transform DualTransform"), ("ToTensorV2", "no transform ToTensorV2"),
    ("CoarseDropout3D", "no transform CoarseDropout3D"), ("os", "no transform os"),
    ("BBoxSafeRandomCrop", "needs bounding boxes"), ("MaskDropout", "needs a mask"), ("MixUp", "needs further images"),
    ("TextImage", "needs a font"), ("Lambda", "needs functions"), ("Normalize", "no 8-bit colours"), ("ToRGB", "already an RGB"),
])
def test_what_cannot_be_used_is_said(name: str, said: str) -> None:
    assert said in complaint(name)


@pytest.mark.parametrize(("name", "arguments", "said"), [
    ("HueSaturationValue", {"hue_limit": 3}, "no argument hue_limit; did you mean hue_shift_limit?"),
    ("HueSaturationValue", {"hue_limit": 3}, "it takes hue_shift_limit=(-20, 20), sat_shift_limit=(-30, 30)"),
    ("HueSaturationValue", {"hue_shift_limit": "abc"}, "hue_shift_limit: input should be a valid"),
    ("GaussNoise", {"std_range": [2, 3]}, "std_range: all values in (2.0, 3.0) must be"),
    ("MedianBlur", {"blur_limit": "wide"}, "blur_limit: input should be"),
    ("MedianBlur", {"blur": 3}, "has no argument blur"),
    ("Rotate", {"p": 3}, "p: input should be less"), ("Rotate", {"strict": False}, "has no argument strict"),
    ("Resize", {}, "height: field required; width: field required"),
    ("RandomCrop", {"height": 99, "width": 9}, "does not work on a picture of 48x40 pixels: crop size"),
])
def test_a_wrong_argument_is_said_in_one_line(name: str, arguments: dict[str, object], said: str) -> None:
    told = complaint(name, **arguments)
    assert said in told and "\n" not in told


def test_it_is_imported_only_when_asked_for_and_asks_nobody(tmp_path: Path) -> None:
    program = """
import os, sys, pipeline.prepare.augment
assert "albumentations" not in sys.modules
import socket
def asked(*given): os._exit(3)  # an exception could be caught
socket.getaddrinfo = socket.socket.connect = asked
from pipeline.prepare.augmentation import transforms
assert transforms.version() == "2.0.8"
assert "albumentations.check_version" in sys.modules and "torch" not in sys.modules
"""
    environment = {"PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
