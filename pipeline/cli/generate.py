"""darkroom generate: images out of the trained generator."""

import argparse
from pathlib import Path

from pipeline import image
from pipeline.cli.places import MODEL, Commands, positive

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("generate", help="make images with the trained generator")
    parser.add_argument("--num-examples", type=positive, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--save-path", type=Path, default=Path("out"), metavar="FOLDER", help="where to (default out)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other images (default 0)")
    parser.add_argument("--model", type=Path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_generate)


def _generate(given: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from pipeline.sheet import grid
    from pipeline.train.sample import generate, load_generator

    generator, latent = load_generator(given.model)
    given.save_path.mkdir(parents=True, exist_ok=True)
    made = [pixels for batch in generate(generator, latent, given.num_examples, given.seed) for pixels in batch]
    for number, pixels in enumerate(made):
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        (given.save_path / f"{number:05d}.png").write_bytes(image.encode_png(picture))
    scale = max(1, round(64 / made[0].shape[0]))
    grid(np.stack(made[:100]), min(10, len(made)), scale).save(given.save_path / "grid.png")
    print(f"{len(made)} images in {given.save_path}, grid.png shows them together")
