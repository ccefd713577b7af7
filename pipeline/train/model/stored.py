"""A network in a model's folder: its weights as safetensors and, in config.json, how to build it; nothing that could run code."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn
from torch.nn.utils import parametrize

from pipeline.errors import UserError
from pipeline.files import put

__all__ = ["CONFIG", "FORMAT", "damage_told", "put_config", "put_network", "read_config", "read_network", "weights_name"]

FORMAT = 1
CONFIG = "config.json"
NETWORKS = ("generator", "classifier")
RUNS_CODE = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"}


def weights_name(what: str) -> str:
    """The file with the weights of the `generator` or the `classifier`."""
    return f"{what}.safetensors"


def put_network(folder: Path, what: str, network: nn.Module) -> None:
    """Write the weights. Spectral normalisation and the like are worked into them, as the network's constructor has them."""
    still = copy.deepcopy(network).eval()  # in training mode reading such a weight changes it
    state = {name: tensor for name, tensor in still.state_dict().items() if "parametrizations." not in name}
    for place, module in still.named_modules():
        if parametrize.is_parametrized(module):
            state |= {f"{place}.{name}".lstrip("."): getattr(module, name) for name in module.parametrizations}
    put(folder / weights_name(what), save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}))


def put_config(folder: Path, config: Mapping[str, object]) -> None:
    """Write config.json."""
    put(folder / CONFIG, (json.dumps({"format": FORMAT, **config}, indent=2, sort_keys=True) + "\n").encode())


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json says. Raises UserError where there is none, and for files that could run code."""
    _refuse_code(folder)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise UserError(_missing(folder / CONFIG)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{folder} holds no generator that can be read ({CONFIG}: {_first_line(error)}); train again") from None
    return config if isinstance(config, dict) else {}


def read_network(
    folder: Path, what: str, families: Mapping[str, Callable[..., nn.Module]], config: Mapping[str, Any], arguments: Mapping[str, Any],
) -> nn.Module:
    """The network of these `arguments`, `name` among them, with its weights, on the CPU and ready to be used.

    Raises UserError for what a newer Darkroom wrote, and what `damage_told` tells for anything else that is wrong.
    """
    if config["format"] != FORMAT or arguments.get("name") not in families:
        raise UserError(f"{folder / CONFIG} was written by a newer Darkroom; update, or train again")
    sizes = {name: tuple(arguments[name]) for name in ("size", "given_size") if arguments.get(name)}
    given = {name: value for name, value in arguments.items() if name != "name"}
    with torch.random.fork_rng(devices=[]):  # building a network draws its first weights, which is nobody's concern
        network = families[arguments["name"]](**{**given, **sizes})
    network.load_state_dict(load_file(folder / weights_name(what)))
    return network.requires_grad_(False).eval()


@contextmanager
def damage_told(folder: Path, what: str) -> Iterator[None]:
    """Whatever is wrong with the files of the `generator` or the `classifier` becomes a UserError."""
    try:
        yield
    except OSError:
        raise UserError(_missing(folder / weights_name(what))) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder} holds no {what} that can be read ({_first_line(error)}); train again") from None


def _missing(path: Path) -> str:
    brought = "`dvc repro train` or `dvc pull train` brings one into data/model, which is taken without --model"
    return f"{path.parent} holds no model ({path.name} is missing); {brought}"


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{CONFIG} lacks {error}"
    if isinstance(error, RuntimeError) and "state_dict" in str(error):
        return "its weights are not those of its network"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refuse_code(path: Path) -> None:
    """Raise UserError for a file that Python would run code of: one that was given, or that poses as one of the networks."""
    posing = [path] if path.is_file() else sorted(file for what in NETWORKS for file in path.glob(f"{what}.*"))
    for file in posing:
        if file.suffix.lower() in RUNS_CODE:
            raise UserError(f"{file} can run code when it is opened, and so it is not; a model is a folder with "
                            f"{weights_name('generator')} and {CONFIG}, without such files")
    if path.is_file():
        raise UserError(f"{path} is a file, and a model is a folder with {weights_name('generator')} and {CONFIG}; give that")
