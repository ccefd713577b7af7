"""Randomness as a function of (seed, stream, number), so that nothing depends on what was drawn before.

What belongs to a batch is drawn for the whole of it, on the CPU: of several processes each takes its rows, and all see what one would.
"""

import hashlib
from functools import lru_cache

import torch

__all__ = ["generator", "labels", "latents", "normal", "permutation"]


def generator(seed: int, stream: str, number: int) -> torch.Generator:
    """A fresh CPU generator for one place of one stream."""
    digest = hashlib.sha256(f"{seed} {stream} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal(seed: int, stream: str, number: int, *shape: int) -> torch.Tensor:
    """Standard normal float32 of `shape`, on the CPU."""
    return torch.randn(*shape, generator=generator(seed, stream, number))


def labels(seed: int, stream: str, number: int, count: int, classes: int) -> torch.Tensor:
    """int64 (count,), each of 0 to classes - 1 as likely as any other, on the CPU."""
    return torch.randint(classes, (count,), generator=generator(seed, stream, number))


def latents(seed: int, count: int, size: int) -> torch.Tensor:
    """Latent vectors (count, size) for sampling; the first k are the same for every count >= k."""
    return torch.stack([normal(seed, "latent", number, size) for number in range(count)])


@lru_cache(maxsize=4)
def permutation(seed: int, turn: int, length: int) -> torch.Tensor:
    """The order of images in pass `turn`: int64 (length,). Not to be written to, for the next to ask gets the same tensor."""
    return torch.randperm(length, generator=generator(seed, "order", turn))
