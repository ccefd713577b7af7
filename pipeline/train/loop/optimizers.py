"""Optimisers by name, their numbers over time, and their state as plain tensors."""

from collections.abc import Iterable

import torch

from pipeline.train.recipes.recipe import Optimizer

__all__ = ["built", "restored", "scheduled", "tensors"]


def built(wanted: Optimizer, parameters: Iterable[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    """Adam runs fused: one kernel for all weights."""
    rate = wanted.learning_rate.at(0)
    if wanted.name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, alpha=wanted.beta2.at(0), foreach=True)
    fused = device.type in ("cpu", "cuda")
    return torch.optim.Adam(parameters, rate, (wanted.beta1, wanted.beta2.at(0)), fused=fused)


def scheduled(optimizer: torch.optim.Optimizer, wanted: Optimizer, kimg: float) -> None:
    """Set the learning rate and beta2 of this moment."""
    for group in optimizer.param_groups:
        group["lr"] = wanted.learning_rate.at(kimg)
        if "betas" in group:
            group["betas"] = (wanted.beta1, wanted.beta2.at(kimg))


def tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What the optimiser remembers of each parameter, by "<number>.<name>"."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": torch.as_tensor(value) for number, of in state.items() for name, value in of.items()}


def restored(optimizer: torch.optim.Optimizer, kept: dict[str, torch.Tensor]) -> None:
    """Remember what `tensors` gave, laid out in memory as the parameters are: a fused step goes through both byte by byte."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in kept.items():
        number, name = key.split(".", 1)
        like = parameters[int(number)].detach()
        same = value.shape == like.shape and value.ndim > 0
        state.setdefault(int(number), {})[name] = torch.empty_like(like, dtype=value.dtype).copy_(value) if same else value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
