"""A model's folder: generator.safetensors and config.json, nothing that could run code."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch.nn.utils import parametrize

from pipeline.errors import UserError
from pipeline.files import put
from pipeline.train.networks import GENERATORS

__all__ = ["KINDS", "Model", "kind_of", "load_model", "save_model"]

FORMAT = 1
WEIGHTS, CONFIG = "generator.safetensors", "config.json"
KINDS = {
    "noise": "this model makes pictures out of noise; use `darkroom generate` or `darkroom interpolate`",
    "translation": "this model translates pictures; use `darkroom translate`",
    "upscaling": "this model enlarges pictures; use `darkroom upscale`",
}
"""What a generator makes its images of, and what to tell who asked for something else."""
RUNS_CODE = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"}
CLASS = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)  # it becomes part of files' names, and a model may come from anywhere


@dataclass(frozen=True)
class Model:
    """A generator on the CPU, ready to be used.

    `size` is (height, width) of what it was trained to make, `colors` its channels. `latent` is the length of a noise vector, 0 where
    there is none. `classes` are the names it can be asked for, in the order of their numbers; empty for a model that takes no class.
    `scale`: how many times larger an upscaler makes a picture, 1 for all else. `config` is all that config.json says.
    """

    generator: torch.nn.Module
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


def save_model(folder: Path, generator: torch.nn.Module, network: Mapping[str, object], facts: Mapping[str, object]) -> None:
    """Write the weights as safetensors and, as JSON, how to build the network and `facts` about the run.

    `network` has the `name` of its constructor in GENERATORS and the constructor's arguments. The facts may hold `kind`; where they
    do not, the arguments tell it. A conditional network's facts have `classes`, their names in order.
    """
    config = {"format": FORMAT, "kind": kind_of(network), "network": dict(network), **facts}
    put(folder / WEIGHTS, save(_weights(generator)))
    put(folder / CONFIG, (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())


def _weights(generator: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state by name, with spectral normalisation and the like worked into the weights, as the network's constructor has them."""
    still = copy.deepcopy(generator).eval()  # in training mode reading such a weight changes it
    state = {name: tensor for name, tensor in still.state_dict().items() if "parametrizations." not in name}
    for place, module in still.named_modules():
        if parametrize.is_parametrized(module):
            state |= {f"{place}.{name}".lstrip("."): getattr(module, name) for name in module.parametrizations}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def kind_of(network: Mapping[str, Any]) -> str:
    """The key of KINDS for a network with these arguments."""
    if not network.get("given_size"):
        return "noise"
    return "translation" if list(network["given_size"]) == list(network["size"]) else "upscaling"


def load_model(folder: Path | str) -> Model:
    """The model in `folder`. Raises UserError where there is none, where it is of a newer form, and for files that could run code."""
    folder = Path(folder)
    _refuse_code(folder)
    config = _config(folder)
    try:
        network = dict(config["network"])
        if config["format"] != FORMAT or network.get("name") not in GENERATORS:
            raise UserError(f"{folder / CONFIG} was written by a newer Darkroom; update, or train again")
        with torch.random.fork_rng(devices=[]):  # building a network draws its first weights, which is nobody's concern
            generator = _built(network)
        generator.load_state_dict(load_file(folder / WEIGHTS))
        return _model(generator.requires_grad_(False).eval(), config)
    except FileNotFoundError:
        raise UserError(_missing(folder / WEIGHTS)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder} holds no generator that can be read ({_first_line(error)}); train again") from None


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(_missing(folder / CONFIG)) from None
    except ValueError as error:
        raise UserError(f"{folder} holds no generator that can be read ({CONFIG}: {_first_line(error)}); train again") from None
    return config if isinstance(config, dict) else {}


def _missing(path: Path) -> str:
    return f"{path} is missing; `dvc repro train` or `dvc pull train` brings it, or give another folder with --model"


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{CONFIG} lacks {error}"
    if isinstance(error, RuntimeError) and "state_dict" in str(error):
        return "its weights are not those of its network"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refuse_code(path: Path) -> None:
    """Raise UserError for a file that Python would run code of: one that was given, or that poses as the generator."""
    posing = [path] if path.is_file() else sorted(path.glob("generator.*"))
    for file in posing:
        if file.suffix.lower() in RUNS_CODE:
            raise UserError(f"{file} can run code when it is opened, and so it is not; a model is a folder with {WEIGHTS} and {CONFIG}, "
                            "without such files")
    if path.is_file():
        raise UserError(f"{path} is a file, and a model is a folder with {WEIGHTS} and {CONFIG}; give that")


def _built(network: Mapping[str, Any]) -> torch.nn.Module:
    sizes = {name: tuple(network[name]) for name in ("size", "given_size") if network.get(name)}
    arguments = {name: value for name, value in network.items() if name != "name"}
    return GENERATORS[network["name"]](**{**arguments, **sizes})


def _model(generator: torch.nn.Module, config: dict[str, Any]) -> Model:
    """Raises KeyError or ValueError for a config that contradicts itself."""
    network = config["network"]
    kind = config.get("kind", kind_of(network))
    if kind not in KINDS:
        raise ValueError(f"its kind is {kind!r}")
    classes = [str(name) for name in config["classes"]] if network.get("classes") else []
    if len(classes) != int(network.get("classes") or 0) or not all(map(CLASS.fullmatch, classes)):
        raise ValueError("its classes are not those of its network, or have names that are none")
    height, width = (int(side) for side in network["size"])
    latent = int(network["latent"]) if kind == "noise" else 0
    return Model(generator, kind, latent, classes, (height, width), int(network["colors"]), _scale(kind, network), config)


def _scale(kind: str, network: Mapping[str, Any]) -> int:
    if kind != "upscaling":
        return 1
    (height, width), (low, narrow) = network["size"], network["given_size"]
    if height % low or height // low * narrow != width:
        raise ValueError(f"{narrow}x{low} to {width}x{height} is not a whole number of times")
    return int(height // low)
