"""Networks compiled by torch.compile, where that works, and a fall-back that says so where it does not.

A gradient of a gradient cannot go through a compiled network, so a discriminator whose gradient is penalised stays as it is; on several
processes both do, since batch statistics are exchanged inside them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from pipeline.train.loop.phases import Phases
from pipeline.train.loop.shown import Shown

__all__ = ["compiled"]


def compiled(plain: Phases, shown: Shown, weights: Mapping[str, float]) -> Phases:
    """`plain` with compiled networks, tried on one batch, or `plain` itself with a line that says why. No weight and no running
    statistic is another afterwards."""
    objective = plain.recipe.objective
    differentiated = objective.image_gradients or objective.mixes
    fast = replace(
        plain, generator=_compiled(plain.generator), discriminator=plain.discriminator if differentiated else _compiled(plain.discriminator)
    )
    buffers = [buffer for network in (plain.generator, plain.discriminator) for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    try:
        fake = fast.made(shown)
        fast.discriminate(shown, fake, weights)
        fast.generate(shown, fake, weights, judged=True)
        with torch.no_grad():  # as for all but the last of several steps of the discriminator
            fast.made(shown)
    except Exception as error:  # the compiler's own: any kind, from a missing program to a bug
        print(f"train.fast: torch.compile does not work here, so training goes on without it: {_first_line(error)}", flush=True)
        fast = plain
    plain.discriminator.requires_grad_(True)
    for network in (plain.generator, plain.discriminator):
        network.zero_grad(set_to_none=True)
    with torch.no_grad():
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
    return fast


def _compiled(network: nn.Module) -> nn.Module:
    return cast(nn.Module, torch.compile(network))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
