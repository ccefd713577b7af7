"""A few words for the progress bar: how the game stands, and what it takes."""

import sys
from collections.abc import Mapping

import torch

__all__ = ["memory", "note"]

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def note(scalars: Mapping[str, float], probabilities: bool) -> str:
    """Such as "D(x) 0.71, D(G(z)) 0.23, 1.3 GB"; scores without bounds are called so."""
    names = ("D(x)", "D(G(z))") if probabilities else ("score real", "fake")
    parts = [f"{name} {scalars[key]:.2f}" for name, key in zip(names, ("d_real", "d_fake"), strict=True) if key in scalars]
    return ", ".join([*parts, *filter(None, [memory()])])


def memory() -> str:
    """The most memory that this run has taken, "2.1 GB GPU" where one is used; '' on a system that does not tell."""
    if torch.cuda.is_initialized():
        return f"{torch.cuda.max_memory_reserved() / 1e9:.1f} GB GPU"
    if resource is None:
        return ""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{most * (1 if sys.platform == 'darwin' else 1024) / 1e9:.1f} GB"
