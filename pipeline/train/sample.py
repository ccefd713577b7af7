"""A model folder (generator.safetensors and config.json, nothing that runs code) and images made from it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError
from pipeline.train.networks import GENERATORS
from pipeline.train.noise import latents

__all__ = ["generate", "load_generator", "save_generator", "to_uint8"]

FORMAT = 1


def save_generator(folder: Path, generator: torch.nn.Module, network: dict[str, object], facts: dict[str, object]) -> None:
    """Write the weights as safetensors, and how to build the network (and `facts` about the run) as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    save_file(weights, folder / "generator.safetensors")
    config = {"format": FORMAT, "network": network, **facts}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_generator(folder: Path) -> tuple[torch.nn.Module, int]:
    """The generator on the CPU, ready to sample, and its latent size. Raises UserError for what is no model folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = dict(config["network"])
        if config["format"] != FORMAT or network["name"] not in GENERATORS:
            raise UserError(f"{folder}/config.json was written by a newer Darkroom; update, or train again")
        generator = GENERATORS[network.pop("name")](**{**network, "size": tuple(network["size"])})
        generator.load_state_dict(load_file(folder / "generator.safetensors"))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; `dvc repro train` or `dvc pull train` brings it") from None
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder} holds no generator that can be read ({str(error).splitlines()[0]}); train again") from None
    return generator.eval(), int(network["latent"])


def generate(generator: torch.nn.Module, latent: int, count: int, seed: int, batch: int = 100) -> Iterator[np.ndarray]:
    """`count` images in batches of uint8 (n, H, W, C); image k depends on (generator, seed, k) alone."""
    z = latents(seed, count, latent)
    with torch.no_grad():
        for start in range(0, count, batch):
            yield to_uint8(generator(z[start : start + batch]))


def to_uint8(images: torch.Tensor) -> np.ndarray:
    """float (N, C, H, W) in -1..1 to uint8 (N, H, W, C)."""
    levels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
