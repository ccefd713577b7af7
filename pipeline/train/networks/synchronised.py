"""Batch normalisation over the rows of several processes: the statistics are those of the whole batch."""

import torch
from torch import nn
from torch.nn.functional import batch_norm

from pipeline.train.processes import gathered, world

__all__ = ["synchronised"]


def synchronised(module: nn.Module) -> nn.Module:
    """`module` with every batch normalisation in it replaced by one over the rows of all processes, with the same parameters and names.

    All processes must run it in training mode together, and differentiate it together.
    """
    if world() == 1:
        return module
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return _BatchNorm(module)
    for name, child in module._modules.items():
        if child is not None:
            setattr(module, name, synchronised(child))
    return module


class _BatchNorm(nn.modules.batchnorm._NormBase):
    """Batch normalisation over (processes, N, ...): Ioffe and Szegedy, arXiv:1502.03167, algorithm 1, in operations that can be
    differentiated any number of times."""

    def __init__(self, single: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__(single.num_features, single.eps, single.momentum, single.affine, single.track_running_stats)
        self.__dict__.update(single.__dict__)  # the very same parameters and buffers: optimisers and averages may hold them

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            alone = self.running_mean is None
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, alone, 0.0, self.eps)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        middle, variance = _moments(wide)
        if self.running_mean is not None:
            self._remember(middle.detach(), variance.detach(), world() * x.numel() // x.shape[1])
        scale = (variance + self.eps).rsqrt() * (1 if self.weight is None else self.weight)
        shift = (0 if self.bias is None else self.bias) - middle * scale
        shape = (1, -1, *[1] * (x.ndim - 2))
        return (wide * scale.view(shape) + shift.view(shape)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, middle: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """Move the running statistics; the variance that is remembered is the unbiased one of all `count` values."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(middle.to(self.running_mean.dtype), weight)
        self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var.dtype), weight)


def _moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and biased variance (C,) over the rows of all processes. Each sends its own two in a row of a table, so one message is
    enough, and no large numbers are subtracted from each other."""
    over = [axis for axis in range(x.ndim) if axis != 1]
    own = torch.stack((x.mean(over), x.var(over, unbiased=False)))
    means, variances = gathered(own[None]).unbind(1)
    middle = means.mean(0)
    return middle, (variances + (means - middle) ** 2).mean(0)
