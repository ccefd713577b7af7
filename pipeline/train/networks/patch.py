"""PatchGAN: a discriminator that judges every patch of an image by itself (Isola et al., arXiv:1611.07004, appendix 6.1.2)."""

import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.train.networks.layers import normalisation, small_normal
from pipeline.train.networks.seen import Seen

__all__ = ["Discriminator", "field_of"]

WIDEST = 8


def field_of(layers: int) -> int:
    """The side, in pixels, of what one realness sees: 16, 34, 70, 142, 286 for 1 to 5 `layers`."""
    side = 7  # the two convolutions without stride at the end: 1 -> 4 -> 7
    for _ in range(layers):
        side = 2 * side + 2
    return side


class Discriminator(nn.Module):
    """Images (N, colors, h, w), beside what they were made from (N, given_colors, h, w), to a realness for each patch (N, 1, h', w').

    `layers` strided convolutions: 3 see 70 pixels, 1 sees 16, 5 see 286 (the paper's three). `norm` is "instance" (the paper's batch
    normalisation with its one image in a batch), "batch" or "none". `features` are the means over all patches of the layer before
    the last, (N, 8 * channels) at the default. `classes` make no difference.
    """

    def __init__(
        self, *, size: tuple[int, int], colors: int, channels: int = 64, classes: int = 0, given_colors: int = 0,
        layers: int = 3, norm: str = "instance",
    ) -> None:  # fmt: skip
        super().__init__()
        if layers < 1 or min(size) < 3 * 2**layers:
            raise UserError(
                f"params.yaml: resize.size: a patch discriminator of {layers} layers (1 or more) needs sides of {3 * 2 ** max(layers, 1)} "
                f"pixels or more; {size[1]}x{size[0]} is too small, take fewer layers or larger images"
            )
        widths = [channels * min(2**i, WIDEST) for i in range(layers + 1)]
        steps: list[nn.Module] = [nn.Conv2d(given_colors + colors, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for step, after in enumerate(widths[1:], 1):
            stride = 2 if step < layers else 1
            steps += [nn.Conv2d(widths[step - 1], after, 4, stride, 1, bias=norm == "none"), *normalisation(norm, after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*steps)
        self.last = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        self.apply(small_normal)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None, given: torch.Tensor | None = None) -> Seen:
        deep = self.layers(images if given is None else torch.cat([given, images], 1))
        return Seen(self.last(deep), features=deep.mean((2, 3)))
