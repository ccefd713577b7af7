"""One run on several processes, each with its rows of every batch: the same numbers as one process with the whole batch.

    torchrun --standalone --nproc-per-node 4 -m stages.train

torchrun tells each process who it is by environment variables; without them all of this does nothing. Networks start equal
(`broadcast`), each process takes its rows (`part`) of what is drawn for all (`drawn`), and the mean of the gradients
(`average_gradients`) is the gradient of the whole batch's mean loss; what a loss compares with the whole batch is its mean over
all rows (`batch_mean`).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from pipeline.errors import UserError

__all__ = ["Ranks", "average_gradients", "batch_mean", "broadcast", "drawn", "gathered", "mean", "part", "ranks", "world"]


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
    count = world()
    if count == 1:
        return batch
    if len(batch) % count:
        raise UserError(f"params.yaml: train.batch: {count} processes cannot share {len(batch)} images evenly; use a multiple of {count}")
    return batch.chunk(count)[dist.get_rank()]


def gathered(rows: torch.Tensor) -> torch.Tensor:
    """The rows of all processes, in order: what `part` took apart, for a loss that is no mean over images. With gradient.

    Where every process computes the same loss of them, the mean of the gradients is again that of the whole batch.
    """
    return rows if world() == 1 else _Sum.apply(_table(rows)).flatten(0, 1)


def batch_mean(rows: torch.Tensor) -> torch.Tensor:
    """The mean over the rows of all processes, equally many each. With gradient."""
    return gathered(rows.mean(0)[None]).mean(0)


def drawn(like: torch.Tensor, fill: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """What `fill` puts into an empty tensor for the rows of all processes; of that this process's, of `like`'s shape and layout.

    The processes' generators have to stand at the same number.
    """
    if world() == 1:
        return fill(torch.empty_like(like))
    last = like.ndim == 4 and not like.is_contiguous() and like.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    whole = torch.empty((world() * len(like), *like.shape[1:]), dtype=like.dtype, device=like.device, memory_format=layout)
    return fill(whole).chunk(world())[dist.get_rank()]


def broadcast(modules: Iterable[nn.Module]) -> None:
    """Give every process the parameters and buffers of process 0."""
    if world() == 1:
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
    if world() == 1 or not gradients:
        return
    flat = mean(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, averaged in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(averaged.view(gradient.shape))


def mean(values: torch.Tensor) -> torch.Tensor:
    """The mean of `values` over the processes, element by element; without gradient."""
    return values.detach() if world() == 1 else _summed(values.detach()) / world()


def _table(own: torch.Tensor) -> torch.Tensor:
    """`own` in this process's place among zeros: (processes, ...)."""
    return torch.stack([own if rank == dist.get_rank() else torch.zeros_like(own) for rank in range(world())])


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


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1
