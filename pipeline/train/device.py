"""Which device trains, a GPU where there is one that works and never the CPU by accident, and in what precision."""

import shutil
import subprocess
import warnings

import torch

from pipeline.errors import UserError

__all__ = ["choose", "precision"]


def choose(setting: str) -> torch.device:
    """`auto`, `cpu` or `cuda` to a device. Raises UserError for a GPU that is there but cannot be used."""
    if setting == "cpu":
        return torch.device("cpu")
    trouble = _cuda_trouble()
    if trouble is None:
        return torch.device("cuda")
    gpus = _nvidia_gpus()
    if setting == "cuda" or gpus:
        found = f"this machine has {gpus}, but torch" if gpus else "no NVIDIA GPU was found and torch"
        raise UserError(
            f"{found} {torch.__version__} cannot use CUDA ({trouble}); mend the driver, or set train.device: cpu "
            "in params.yaml to train on the CPU"
        )
    return torch.device("cpu")


def precision(setting: str, where: torch.device) -> str:
    """`auto`, `fp32` or `bf16` to one of the two: bf16 where the device has multipliers for it, not where it would be emulated."""
    if setting != "auto":
        return setting
    if where.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = torch.cpu.get_capabilities()
        native = any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16", "sve_bf16"))
    return "bf16" if native else "fp32"


def _cuda_trouble() -> str | None:
    """Why torch cannot compute on a GPU here, or None where it can."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not torch.cuda.is_available():
            said = [str(w.message) for w in caught]
            return said[0].splitlines()[0] if said else "torch finds no CUDA device"
    try:
        (torch.ones(1, device="cuda") + 1).item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None


def _nvidia_gpus() -> str:
    """What nvidia-smi lists ("NVIDIA H200"), or ''."""
    program = shutil.which("nvidia-smi")
    if not program:
        return ""
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=60, check=False)
    lines = [line.split(":", 1)[1].split("(")[0].strip() for line in listed.stdout.splitlines() if ":" in line]
    return ", ".join(lines) if listed.returncode == 0 else ""
