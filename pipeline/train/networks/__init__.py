"""Networks by name; each file is one family and cites where it comes from. `seen` is what a discriminator answers, `shape` what a
dataset asks for, `dressing` what can be done to any of them."""

from collections.abc import Callable

from torch import nn

from pipeline.train.networks import acgan, critic, dcgan, mlp, patch, r3gan, rrdb, srresnet, sslgan, tower, unet

__all__ = ["DISCRIMINATORS", "GENERATORS"]

GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp.Generator,
    "dcgan": dcgan.Generator,
    "acgan": acgan.Generator,
    "critic": critic.Generator,
    "r3gan": r3gan.Generator,
    "unet": unet.Generator,
    "srresnet": srresnet.Generator,
    "rrdb": rrdb.Generator,
}
"""What config.json of a model names, so that a saved generator can be built again."""

DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp.Discriminator,
    "dcgan": dcgan.Discriminator,
    "acgan": acgan.Discriminator,
    "sslgan": sslgan.Discriminator,
    "critic": critic.Discriminator,
    "r3gan": r3gan.Discriminator,
    "patch": patch.Discriminator,
    "tower": tower.Discriminator,
}
