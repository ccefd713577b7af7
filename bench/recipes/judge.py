"""Who says which digit a generated picture shows: a small convolutional network that was trained on real digits alone.

It is trained here, in one to two CPU-minutes, and kept in bench/.cache; what it is worth is its share of right answers on the
10,000 test digits, which every table shows.
"""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import cross_entropy

from bench.recipes.packages import CACHE
from bench.recipes.sets import digits
from pipeline.train.dataset import Dataset

__all__ = ["accuracy", "features", "judge", "told"]

PASSES, BATCH, RATE = 3, 128, 3e-3


def judge() -> nn.Module:
    """Digits float (N, 1, 28, 28) in -1..1 to logits (N, 10); in evaluation mode."""
    network = _network()
    kept = CACHE / f"judge-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]}.safetensors"
    if kept.exists():
        network.load_state_dict(load_file(kept))
    else:
        _train(network, digits()[0])
        save_file(network.state_dict(), kept)
    return network.eval()


@torch.no_grad()
def told(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The class that is told of each image, int64 (N,); uint8 images or floats in -1..1."""
    floats = images if images.is_floating_point() else _floats(images)
    return torch.cat([network(part).argmax(1) for part in floats.split(500)])


@torch.no_grad()
def features(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What the last layer reads, float32 (N, 576); uint8 images or floats in -1..1."""
    floats = images if images.is_floating_point() else _floats(images)
    return torch.cat([network[:-1](part) for part in floats.split(500)])  # type: ignore[index]


def accuracy(network: nn.Module, dataset: Dataset) -> float:
    """The share of right answers on a set with labels."""
    return (told(network, dataset.images[:]) == dataset.labels).float().mean().item()


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(576, 10),
    )


def _train(network: nn.Module, train: Dataset) -> None:
    network.train()
    adam = torch.optim.Adam(network.parameters(), RATE)
    steps = PASSES * (len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, steps)
    for step in range(steps):
        if step % (len(train) // BATCH) == 0:
            order = torch.randperm(len(train))
        places = order[step % (len(train) // BATCH) * BATCH :][:BATCH]
        adam.zero_grad()
        cross_entropy(network(_floats(train.images[places])), train.labels[places]).backward()
        adam.step()
        schedule.step()


def _floats(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 127.5 - 1
