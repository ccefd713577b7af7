"""A model's folder: generator.safetensors, config.json and, where the discriminator tells classes, classifier.safetensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.errors import UserError
from pipeline.train.model.stored import damage_told, put_config, put_network, read_config, read_network, weights_name
from pipeline.train.networks import GENERATORS

__all__ = ["KINDS", "Model", "class_names", "kind_of", "load_model", "save_model"]

KINDS = {
    "noise": "this model makes pictures out of noise; use `darkroom generate` or `darkroom interpolate`",
    "translation": "this model translates pictures; use `darkroom translate`",
    "upscaling": "this model enlarges pictures; use `darkroom upscale`",
}
"""What a generator makes its images of, and what to tell who asked for something else."""
CLASS = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)  # it becomes part of files' names, and a model may come from anywhere


@dataclass(frozen=True)
class Model:
    """A generator on the CPU, ready to be used.

    `size` is (height, width) of what it was trained to make, `colors` its channels. `latent` is the length of a noise vector, 0 where
    there is none. `classes` are the names it can be asked for, in the order of their numbers; empty for a model that takes no class.
    `scale`: how many times larger an upscaler makes a picture, 1 for all else. `config` is all that config.json says.
    """

    generator: nn.Module
    kind: str
    latent: int
    classes: list[str]
    size: tuple[int, int]
    colors: int
    scale: int
    config: dict[str, Any]

    @property
    def given_colors(self) -> int:
        """Channels of the pictures that a translator or an upscaler takes; 0 for noise."""
        return int(self.config["network"].get("given_colors", self.colors if self.kind != "noise" else 0))

    @property
    def given_size(self) -> tuple[int, int]:
        """(height, width) of the pictures it learned from; its own size for noise."""
        height, width = self.config["network"].get("given_size") or self.size
        return int(height), int(width)

    def demand(self, kind: str) -> None:
        """Raise UserError where the model is of another kind."""
        if self.kind != kind:
            raise UserError(KINDS[self.kind])


def save_model(
    folder: Path, generator: nn.Module, network: Mapping[str, object], facts: Mapping[str, object],
    classifier: tuple[nn.Module, Mapping[str, object]] | None = None,
) -> None:
    """Write the weights as safetensors and, as JSON, how to build the network and `facts` about the run.

    `network` has the `name` of its constructor in GENERATORS and the constructor's arguments; the classifier comes with its own, of
    DISCRIMINATORS. The facts may hold `kind`; where they do not, the arguments tell it. Where a network knows classes, they have
    `classes`, their names in order. Without a classifier one that lies in the folder is removed.
    """
    config = {"kind": kind_of(network), "network": dict(network), **facts}
    put_network(folder, "generator", generator)
    if classifier is None:
        put_config(folder, config)
        (folder / weights_name("classifier")).unlink(missing_ok=True)
    else:
        put_network(folder, "classifier", classifier[0])
        put_config(folder, {**config, "classifier": dict(classifier[1])})


def kind_of(network: Mapping[str, Any]) -> str:
    """The key of KINDS for a network with these arguments."""
    if not network.get("given_size"):
        return "noise"
    return "translation" if list(network["given_size"]) == list(network["size"]) else "upscaling"


def load_model(folder: Path | str) -> Model:
    """The model in `folder`. Raises UserError where there is none, where it is of a newer form, and for files that could run code."""
    folder = Path(folder)
    config = read_config(folder)
    with damage_told(folder, "generator"):
        return _model(read_network(folder, "generator", GENERATORS, config, config["network"]), config)


def class_names(config: Mapping[str, Any], network: Mapping[str, Any]) -> list[str]:
    """The names of the classes that a network of these arguments knows, in order; none where it knows none.

    Raises KeyError or ValueError where they are not those of the network, or are no names.
    """
    classes = [str(name) for name in config["classes"]] if network.get("classes") else []
    if len(set(classes)) != int(network.get("classes") or 0) or not all(map(CLASS.fullmatch, classes)):
        raise ValueError("its classes are not those of its network, or have names that are none")
    return classes


def _model(generator: nn.Module, config: dict[str, Any]) -> Model:
    """Raises KeyError or ValueError for a config that contradicts itself."""
    network = config["network"]
    kind = config.get("kind", kind_of(network))
    if kind not in KINDS:
        raise ValueError(f"its kind is {kind!r}")
    height, width = (int(side) for side in network["size"])
    latent = int(network["latent"]) if kind == "noise" else 0
    colors, scale = int(network["colors"]), _scale(kind, network)
    return Model(generator, kind, latent, class_names(config, network), (height, width), colors, scale, config)


def _scale(kind: str, network: Mapping[str, Any]) -> int:
    if kind != "upscaling":
        return 1
    (height, width), (low, narrow) = network["size"], network["given_size"]
    if height % low or height // low * narrow != width:
        raise ValueError(f"{narrow}x{low} to {width}x{height} is not a whole number of times")
    return int(height // low)
