"""A picture from a picture: pix2pix."""

from pipeline.train.objectives.adversarial import BinaryCrossEntropy
from pipeline.train.objectives.likeness import AbsoluteDifference
from pipeline.train.objectives.objective import Objective
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe
from pipeline.train.recipes.schedule import fixed

__all__ = ["RECIPES"]

RECIPES = {
    # Sections 3 and 3.3, appendix 6: U-Net and 70x70 PatchGAN, lambda 100, Adam 2e-4 with beta1 0.5, batch 1; the discriminator's
    # objective halved there, which Adam does not notice. For two cores 32 channels (the paper: 64) and batches of 4, whose statistics
    # suit flat ground better than a single image's (measured: bench/recipes/pix2pix.py, L1 26.5 against 27.5).
    "pix2pix": Recipe(
        source="Isola et al., arXiv:1611.07004",
        kind="translation",
        generator=Network("unet", 32, (("norm", "batch"),)),
        discriminator=Network("patch", 32),
        objective=Objective(BinaryCrossEntropy(), (("l1", AbsoluteDifference()),)),
        weights=(("adversarial", fixed(1.0)), ("l1", fixed(100.0))),
        optimizer=Optimizer("adam", fixed(2e-4)),
        batch=4,
        ema_kimg=fixed(1.0),
    ),
}
