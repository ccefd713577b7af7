"""What a discriminator says of the images it is shown."""

from typing import NamedTuple

import torch

__all__ = ["Seen"]


class Seen(NamedTuple):
    """`realness` is (N,), or (N, 1, h, w) with one for each patch: logits, larger for "real". `classes` is (N, K) logits and
    `features` (N, F), the layer before the last; None where the network has no such thing."""

    realness: torch.Tensor
    classes: torch.Tensor | None = None
    features: torch.Tensor | None = None
