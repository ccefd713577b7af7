"""Semi-supervised GAN: a classifier of K classes and one more, "generated" (Salimans et al., arXiv:1606.03498, section 5).

With logits l_1..l_K and l_K+1, an image is real with probability sigmoid(logsumexp(l_1..l_K) - l_K+1), and if it is real, of class k
with probability softmax(l_1..l_K)_k. So every image teaches, labelled or not, and the classifier is there at the end. Its generator is
dcgan.Generator, trained to match features (section 3.1).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import Dropout, Noise, beside, keep_variance, normalisation, start_for, steps_for, widths_for
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """Images (N, colors, height, width) in -1..1 to realness (N,) and classes (N, K), both from K + 1 logits.

    Halving convolutions with channels that double, as the paper's network for CIFAR-10 in small: `convs` 3x3 layers for each halving, the
    last of them strided (the paper: 3); Gaussian `noise` and dropout of 0.2 on the pixels, `dropout` after each halving.
    features are the last hidden layer, averaged over places if `pooled` (the paper's for photographs) and flattened if not. norm: none by
    default: running statistics of batch normalisation mix real and generated images, and the classifier is used on real ones.
    Raises UserError for a size that cannot be and for a dataset without classes.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        colors: int,
        channels: int,
        classes: int = 0,
        given_colors: int = 0,
        convs: int = 1,
        norm: str = "none",
        noise: float = 0.0,
        dropout: float = 0.5,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        if classes < 1:
            raise UserError(
                "params.yaml: train.recipe: sslgan learns to tell classes apart, and this dataset names none; "
                "name them under classes, or choose a recipe that needs none, such as dcgan"
            )
        steps = steps_for(size, "sslgan")
        widths = widths_for(channels, steps)
        layers: list[nn.Module] = [Noise(noise), Dropout(0.2 if dropout else 0.0)]
        for before, after in pairwise([colors + given_colors, *widths]):
            for number in range(convs):
                stride = 2 if number == convs - 1 else 1
                layers += [nn.Conv2d(after if number else before, after, 3, stride, 1), *normalisation(norm, after), nn.LeakyReLU(0.2)]
            layers += [Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.pooled = pooled
        height, width = (1, 1) if pooled else start_for(size, steps)
        self.logits = nn.Linear(widths[-1] * height * width, classes + 1)
        self.apply(keep_variance)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        hidden = self.layers(beside(images, given))
        features = hidden.mean((2, 3)) if self.pooled else hidden.flatten(1)
        logits = self.logits(features)
        classes = logits[:, :-1]
        return Seen(classes.logsumexp(1) - logits[:, -1], classes, features)
