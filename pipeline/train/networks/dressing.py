"""What is done to any network after it is built: another beginning for its weights, spectral normalisation."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["initialised", "spectral"]

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
INITS: dict[str, Callable[[torch.Tensor], object]] = {
    "normal": lambda weight: nn.init.normal_(weight, 0.0, 0.02),  # arXiv:1511.06434, section 4
    "orthogonal": nn.init.orthogonal_,  # arXiv:1312.6120
    "xavier": nn.init.xavier_uniform_,  # Glorot and Bengio 2010
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, a=0.2),  # arXiv:1502.01852, for LeakyReLU .2
}


def initialised(network: nn.Module, init: str) -> nn.Module:
    """Begin anew: every weight of a linear or convolutional layer by `init`, its bias 0; `own` leaves the network as it is."""
    if init != "own":
        for module in network.modules():
            if isinstance(module, LAYERS):
                INITS[init](module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return network


def spectral(network: nn.Module) -> nn.Module:
    """Divide every weight by its largest singular value (Miyato et al., arXiv:1802.05957)."""
    for module in network.modules():
        if isinstance(module, LAYERS):
            spectral_norm(module)
    return network
