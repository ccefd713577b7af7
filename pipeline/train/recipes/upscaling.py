"""A large picture from a small one: SRGAN and ESRGAN."""

from pipeline.train.objectives.adversarial import BinaryCrossEntropy, RelativisticAverage
from pipeline.train.objectives.likeness import AbsoluteDifference, Perceptual, SquaredDifference
from pipeline.train.objectives.objective import Objective
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe
from pipeline.train.recipes.schedule import fixed

__all__ = ["RECIPES"]

RECIPES = {
    # Section 3.2: first pixels alone, then perceptual loss and 1e-3 of the game (section 2.2). The features are those of the
    # Inception network that FID is measured by, not VGG's, whose weights no package registry has.
    "srgan": Recipe(
        source="Ledig et al., arXiv:1609.04802",
        kind="upscaling",
        generator=Network("srresnet", 64),
        discriminator=Network("tower", 32),
        objective=Objective(BinaryCrossEntropy(), (("l2", SquaredDifference()), ("perceptual", Perceptual()))),
        weights=(("adversarial", fixed(1e-3)), ("l2", fixed(1.0)), ("perceptual", fixed(0.1))),
        optimizer=Optimizer("adam", fixed(2e-4), 0.9),
        batch=16,
        ema_kimg=fixed(1.0),
        warmup_kimg=20.0,
    ),
    # Sections 3 and 4.1: RRDB, relativistic average, L1 at 1e-2 and the game at 5e-3 beside the perceptual loss.
    "esrgan": Recipe(
        source="Wang et al., arXiv:1809.00219",
        kind="upscaling",
        generator=Network("rrdb", 32),
        discriminator=Network("tower", 32),
        objective=Objective(RelativisticAverage(), (("l1", AbsoluteDifference()), ("perceptual", Perceptual()))),
        weights=(("adversarial", fixed(5e-3)), ("l1", fixed(1.0)), ("perceptual", fixed(0.1))),
        optimizer=Optimizer("adam", fixed(2e-4), 0.9),
        batch=16,
        ema_kimg=fixed(1.0),
        warmup_kimg=20.0,
    ),
}
