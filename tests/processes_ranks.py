"""What test_processes computes by one process with torch's own batch normalisation, and by several with ours.

    torchrun --standalone --nproc-per-node 2 -m tests.processes_ranks <folder>       writes <folder>/<rank>.safetensors
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import softplus

from pipeline.errors import UserError
from pipeline.train import processes
from pipeline.train.networks.synchronised import synchronised

STEPS, BATCH = 10, 12
Results = dict[str, torch.Tensor]
CPU = torch.device("cpu")
NORMS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "2d": (lambda: nn.BatchNorm2d(5, eps=1e-3, momentum=0.3), (8, 5, 3, 4)),
    "1d": (lambda: nn.BatchNorm1d(5), (8, 5)),
    "sequence": (lambda: nn.BatchNorm1d(5), (8, 5, 3)),
    "plain": (lambda: nn.BatchNorm2d(5, affine=False, momentum=None), (8, 5, 3, 4)),
    "forgetful": (lambda: nn.BatchNorm2d(5, track_running_stats=False), (8, 5, 3, 4)),
}


def drawn(number: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(number), dtype=torch.float64)


def normalised(name: str, dtype: torch.dtype = torch.float64) -> Results:
    """Output, running statistics, first and second derivatives of one normalisation, on values with a large mean."""
    make, shape = NORMS[name]
    module = make().double()
    if module.weight is not None:
        nn.init.normal_(module.weight, 1.0, 0.5, generator=torch.Generator().manual_seed(1))
        nn.init.normal_(module.bias, generator=torch.Generator().manual_seed(2))
    module = synchronised(module.to(dtype))
    for turn in range(2):
        module(processes.part(drawn(10 + turn, *shape).to(dtype) + 3))
    x = processes.part((drawn(3, *shape) * 2 + 100).to(dtype)).requires_grad_()
    y = module(x)
    [first] = torch.autograd.grad((y * processes.part(drawn(4, *shape).to(dtype)) + y**3).sum(), x, create_graph=True)
    (first**2).mean().backward()
    processes.average_gradients(module.parameters())
    assert x.grad is not None
    results = {"y": y, "first": first, "second": x.grad / processes.world()}
    if module.running_mean is not None:
        results["eval"] = module.eval()(x)
    results = {key: processes.gathered(value.detach()) for key, value in results.items()}
    results |= {f"gradient of {key}": value.grad for key, value in module.named_parameters() if value.grad is not None}
    return {**results, **module.state_dict()}


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    g = nn.Sequential(
        nn.ConvTranspose2d(6, 8, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Sequential(nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()),
    )
    d = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 6, 4),
        nn.Flatten(), nn.BatchNorm1d(6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Flatten(0),
    )
    return g.double(), d.double()


def game(synchronise: bool = True) -> Results:
    """Losses, gradient penalty and final weights of a small GAN with the logistic loss and R1 (arXiv:1801.04406, equation 9)."""
    g, d = networks()
    if synchronise:
        g, d = synchronised(g), synchronised(d)
    losses = []
    for step in range(STEPS):
        real = processes.part(drawn(100 + step, BATCH, 3, 8, 8).tanh()).requires_grad_()
        fake = g(processes.part(drawn(200 + step, BATCH, 6, 1, 1)))
        said = d(real)
        [slope] = torch.autograd.grad(said.sum(), real, create_graph=True)
        penalty = (slope**2).sum((1, 2, 3)).mean()
        d_loss = softplus(-said).mean() + softplus(d(fake.detach())).mean() + penalty
        descend(d, d_loss)
        g_loss = softplus(-d(fake)).mean()
        descend(g, g_loss)
        losses.append(processes.mean(torch.stack([d_loss, g_loss, penalty])))
    weights = {f"{name}.{key}": value for name, network in (("g", g), ("d", d)) for key, value in network.state_dict().items()}
    return {"losses": torch.stack(losses), **weights}


def descend(network: nn.Module, loss: torch.Tensor) -> None:
    """A plain step down the gradient: importing torch's optimisers takes longer than all of this."""
    network.zero_grad()
    loss.backward()
    processes.average_gradients(network.parameters())
    with torch.no_grad():
        for weight in network.parameters():
            weight -= 0.1 * weight.grad


def matching() -> Results:
    """A loss that is no mean over images: the distance between the mean and a target."""
    layer = nn.Linear(3, 2).double()
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    features = processes.gathered(layer(processes.part(drawn(7, 8, 3))).tanh())
    loss = (features.mean(0) - 1).norm()
    loss.backward()
    processes.average_gradients(layer.parameters())
    assert layer.weight.grad is not None
    return {"features": features, "loss": loss, "gradient": layer.weight.grad}


def started(rank: int) -> Results:
    """Networks that begin differently and are made equal, in each kind of layout and number."""
    torch.manual_seed(rank)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    network[1].num_batches_tracked.fill_(rank)
    processes.broadcast([network, nn.ReLU()])
    return network.state_dict()


def all_of_it(rank: int) -> Results:
    rows = torch.arange(8)
    averaged = processes.mean(torch.tensor([1.0, 3.0]) + rank)
    results = {"part": processes.part(rows), "gathered": processes.gathered(processes.part(rows)), "mean": averaged}
    found = {**{name: normalised(name) for name in NORMS}, "half": normalised("2d", torch.float32), "game": game(), "matching": matching()}
    found |= {"started": started(rank), "plainly": results}
    return {f"{kind}/{name}": value.detach().clone().contiguous() for kind, of in found.items() for name, value in of.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes.ranks(CPU) as here:
        assert here.device == CPU
        results = all_of_it(here.rank)
        results["apart/losses"] = game(synchronise=False)["losses"]
        try:
            processes.part(torch.zeros(7))
        except UserError as error:
            Path(sys.argv[1], f"{here.rank}.txt").write_text(str(error))
        save_file(results, Path(sys.argv[1], f"{here.rank}.safetensors"))
