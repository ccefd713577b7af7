"""One run on several processes, each with its rows of every batch: the same numbers as one process with the whole batch.

    torchrun --standalone --nproc-per-node 4 -m stages.train

torchrun tells each process who it is by environment variables; without them all of this does nothing. Networks start equal
(`broadcast`), each process takes its rows (`part`), batch normalisation sees all rows (`synchronised`), and the mean of the
gradients (`average_gradients`) is the gradient of the whole batch's mean loss.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import batch_norm

from pipeline.errors import UserError

__all__ = ["Ranks", "average_gradients", "broadcast", "gathered", "mean", "part", "ranks", "synchronised"]


@dataclass(frozen=True)
class Ranks:
    """Which of `world` processes this is (0 writes the files), and the device that it trains on."""

    rank: int
    world: int
    device: torch.device


@contextmanager
def ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, by NCCL for CUDA and else by gloo; alone where it started none.

    Raises UserError where a process has no GPU of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks(0, 1, device)
        return
    if device.type == "cuda":
        device = _own_gpu(int(os.environ["LOCAL_RANK"]), torch.cuda.device_count())
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", device_id=device if device.type == "cuda" else None)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def part(batch: torch.Tensor) -> torch.Tensor:
    """This process's rows of a batch (N, ...). Raises UserError where N is no multiple of the processes."""
    world = _world()
    if world == 1:
        return batch
    if len(batch) % world:
        raise UserError(f"params.yaml: train.batch: {world} processes cannot share {len(batch)} images evenly; use a multiple of {world}")
    return batch.chunk(world)[dist.get_rank()]


def gathered(rows: torch.Tensor) -> torch.Tensor:
    """The rows of all processes, in order: what `part` took apart, for a loss that is no mean over images. With gradient.

    Where every process computes the same loss of them, the mean of the gradients is again that of the whole batch.
    """
    return rows if _world() == 1 else _Sum.apply(_table(rows)).flatten(0, 1)


def broadcast(modules: Iterable[nn.Module]) -> None:
    """Give every process the parameters and buffers of process 0."""
    if _world() == 1:
        return
    with torch.no_grad():
        for module in modules:
            for tensor in (*module.parameters(), *module.buffers()):
                sent = tensor.detach().clone(memory_format=torch.contiguous_format)
                dist.broadcast(sent, 0)
                tensor.copy_(sent)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each .grad by its mean over the processes, in one message; parameters without one are left out."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if _world() == 1 or not gradients:
        return
    flat = mean(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, averaged in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(averaged.view(gradient.shape))


def mean(values: torch.Tensor) -> torch.Tensor:
    """The mean of `values` over the processes, element by element; without gradient."""
    return values.detach() if _world() == 1 else _summed(values.detach()) / _world()


def synchronised(module: nn.Module) -> nn.Module:
    """`module` with every batch normalisation in it replaced by one over the rows of all processes, with the same parameters and names.

    All processes must run it in training mode together, and differentiate it together.
    """
    if _world() == 1:
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
            self._remember(middle.detach(), variance.detach(), _world() * x.numel() // x.shape[1])
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
    means, variances = _Sum.apply(_table(own)).unbind(1)
    middle = means.mean(0)
    return middle, (variances + (means - middle) ** 2).mean(0)


def _table(own: torch.Tensor) -> torch.Tensor:
    """`own` in this process's place among zeros: (processes, ...)."""
    return torch.stack([own if rank == dist.get_rank() else torch.zeros_like(own) for rank in range(_world())])


class _Sum(torch.autograd.Function):
    """The sum over the processes. Its gradient is the sum of theirs, by this same function, so it can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return _Sum.apply(gradients[0])


def _summed(values: torch.Tensor) -> torch.Tensor:
    total = values.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def _own_gpu(number: int, count: int) -> torch.device:
    if number >= count:
        raise UserError(f"torchrun started process {number + 1} on this machine, which has {count} GPUs; set --nproc-per-node to {count}")
    return torch.device("cuda", number)


def _world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1
