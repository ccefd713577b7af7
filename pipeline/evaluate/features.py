"""Inception features of many images, and a cache of them by the content of the images."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pipeline.evaluate.inception import FEATURES, Inception
from pipeline.evaluate.weights import SHA256

__all__ = ["cached", "extract"]

BATCH = 32


def extract(network: Inception, images: np.ndarray, on_images: Callable[[float], object] = lambda count: None) -> np.ndarray:
    """uint8 images (N, H, W, 1 or 3) to float32 (N, 2048); grey goes in as three equal channels."""
    found = np.empty((len(images), FEATURES), np.float32)
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        part = np.repeat(part, 3, axis=3) if part.shape[3] == 1 else part
        found[start : start + BATCH] = network(np.ascontiguousarray(part)).cpu().numpy()
        on_images(len(part))
    return found


def cached(
    network: Inception, images: np.ndarray, cache: Path, on_images: Callable[[float], object] = lambda count: None
) -> np.ndarray:
    """As extract(), but read from `cache` where the same pixels went through the same weights before."""
    content = hashlib.sha256(f"{SHA256} {images.shape} {images.dtype} ".encode() + images.tobytes()).hexdigest()
    path = cache / f"{content[:32]}.safetensors"
    try:
        found = load_file(path)["features"]
        on_images(len(images))
        return np.asarray(found)
    except (FileNotFoundError, KeyError, SafetensorError):
        pass  # not seen before, or half written
    found = extract(network, images, on_images)
    cache.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    save_file({"features": found}, draft)
    draft.replace(path)
    return found
