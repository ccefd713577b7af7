"""The loop that most people start from, that of pytorch/examples dcgan, written anew from what its page and options say it does.

A DataLoader with two workers that turns pictures into tensors one by one; a real and a generated batch through the discriminator,
each with its own backward pass; the generated one again for the generator; BCELoss on probabilities; Adam 2e-4 with betas .5 and
.999; a line of losses printed at every step. The networks are ours, so that the loops alone differ.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Pictures
from torchvision import transforms

from pipeline.train.dataset import Dataset

__all__ = ["Step", "plain"]


@dataclass(frozen=True)
class Step:
    """What the printed line says."""

    d_loss: float
    g_loss: float
    d_real: float
    d_fake: float


class _Folder(Pictures[torch.Tensor]):
    """Pictures as an image folder gives them, but decoded already: kinder to the loop than files would be."""

    def __init__(self, dataset: Dataset) -> None:
        self.pixels = dataset.images[:].permute(0, 2, 3, 1).contiguous().numpy()
        colors = self.pixels.shape[3]
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * colors, (0.5,) * colors)])

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, place: int) -> torch.Tensor:
        pixels = self.pixels[place]
        made: torch.Tensor = self.transform(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
        return made


def plain(
    dataset: Dataset, generator: nn.Module, discriminator: nn.Module, batch: int, latent: int, device: torch.device,
    workers: int = 2, output: TextIO = sys.stdout,
) -> Iterator[Step]:
    """Steps without end, pass after pass; the networks are trained in place. A pass's last batch may be smaller."""
    loader = DataLoader(_Folder(dataset), batch_size=batch, shuffle=True, num_workers=workers)
    criterion = nn.BCELoss()
    d_adam = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    g_adam = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def told(images: torch.Tensor) -> torch.Tensor:
        probability: torch.Tensor = discriminator(images).realness.sigmoid()
        return probability

    turn = 0
    while True:
        for number, pictures in enumerate(loader):
            discriminator.zero_grad()
            real = pictures.to(device)
            label = torch.full((len(real),), 1.0, device=device)
            said = told(real)
            real_loss = criterion(said, label)
            real_loss.backward()
            d_real = said.mean().item()

            fake = generator(torch.randn(len(real), latent, device=device))
            label.fill_(0.0)
            said = told(fake.detach())
            fake_loss = criterion(said, label)
            fake_loss.backward()
            d_fake = said.mean().item()
            d_loss = real_loss + fake_loss
            d_adam.step()

            generator.zero_grad()
            label.fill_(1.0)
            said = told(fake)
            g_loss = criterion(said, label)
            g_loss.backward()
            d_fake_after = said.mean().item()
            g_adam.step()

            step = Step(d_loss.item(), g_loss.item(), d_real, d_fake)
            print(f"[{turn}][{number}/{len(loader)}] Loss_D: {step.d_loss:.4f} Loss_G: {step.g_loss:.4f} "
                  f"D(x): {d_real:.4f} D(G(z)): {d_fake:.4f} / {d_fake_after:.4f}", file=output)
            yield step
        turn += 1
