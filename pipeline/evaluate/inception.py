"""The Inception-v3 of FID: torchvision's shapes with the pooling that the 2015 TensorFlow graph has.

Three things differ from the network as torchvision trains it: average pooling in the mixed blocks counts
no padding, the last block pools by maximum, and pixels go from 0..255 to (x - 128) / 128, as in that
graph (ports that take x / 127.5 - 1 give features that differ in the third digit). Pictures are brought
to 299 x 299 by bilinear interpolation without antialiasing, as FID's definition has it (Heusel et al.,
arXiv:1706.08500, and its published code).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import Inception3
from torchvision.models.inception import BasicConv2d, InceptionA, InceptionC, InceptionE

__all__ = ["FEATURES", "Inception"]

FEATURES = 2048
SIDE = 299


class Inception(nn.Module):
    """uint8 images (N, H, W, 3) to the features of the last pooling, float32 (N, 2048)."""

    def __init__(self, layers: Sequence[dict[str, torch.Tensor]]) -> None:
        """`layers` as weights.layers() gives them."""
        super().__init__()
        whole = Inception3(aux_logits=False, transform_input=False, init_weights=False)
        trunk = {name: block for name, block in whole.named_children() if name not in ("avgpool", "dropout", "fc")}
        self.trunk = nn.Sequential(*(_with_2015_pooling(name, block) for name, block in trunk.items()))
        convolutions = [module for module in self.trunk.modules() if isinstance(module, BasicConv2d)]
        for convolution, values in zip(convolutions, layers, strict=True):
            convolution.conv.weight.data.copy_(values["weight"])
            convolution.bn.weight.data.fill_(1.0)  # the graph scales nothing
            convolution.bn.bias.data.copy_(values["beta"])
            convolution.bn.running_mean.copy_(values["mean"])
            convolution.bn.running_var.copy_(values["var"])
        self.eval().requires_grad_(False)
        for convolution in convolutions:  # one third faster on a CPU; features move by less than 1e-5
            convolution.conv = fuse_conv_bn_eval(convolution.conv, convolution.bn)
            convolution.bn = nn.Identity()
        self.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, images: np.ndarray) -> torch.Tensor:
        device = next(self.trunk.parameters()).device
        x = torch.tensor(images, device=device).permute(0, 3, 1, 2).float()
        x = interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        x = ((x - 128) / 128).contiguous(memory_format=torch.channels_last)
        return torch.as_tensor(self.trunk(x).mean((2, 3)))


def _with_2015_pooling(name: str, block: nn.Module) -> nn.Module:
    if isinstance(block, InceptionA | InceptionC):
        block.branch_pool = nn.Sequential(_WithoutPadding(), block.branch_pool)
    elif name == "Mixed_7b":
        assert isinstance(block, InceptionE)
        block.branch_pool = nn.Sequential(_WithoutPadding(), block.branch_pool)
    elif name == "Mixed_7c":
        assert isinstance(block, InceptionE)
        return _MaxPooled(block)
    return block


class _WithoutPadding(nn.Module):
    """Turns a 3 x 3 mean that counted the zeros outside into one over the pixels inside."""

    def forward(self, mean: torch.Tensor) -> torch.Tensor:
        inside = avg_pool2d(torch.ones_like(mean[:1, :1]), 3, 1, 1)
        return mean / inside


class _MaxPooled(nn.Module):
    """An InceptionE block whose pooling branch takes the maximum."""

    def __init__(self, block: InceptionE) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *others, _ = self.block._forward(x)
        return torch.cat([*others, self.block.branch_pool(max_pool2d(x, 3, 1, 1))], 1)
