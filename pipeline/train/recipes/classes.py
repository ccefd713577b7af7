"""Images of a class, and classes of images: AC-GAN and the semi-supervised GAN."""

from pipeline.train.objectives.adversarial import BinaryCrossEntropy
from pipeline.train.objectives.classes import AuxiliaryClasses, KnownClasses
from pipeline.train.objectives.likeness import FeatureMatching
from pipeline.train.objectives.objective import Objective
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe
from pipeline.train.recipes.schedule import fixed

__all__ = ["RECIPES"]

RECIPES = {
    # Equation 3 and appendix A. Twice the weight for classes, and dropout of .3, draw clearer digits in minutes.
    "acgan": Recipe(
        source="Odena et al., arXiv:1610.09585",
        kind="noise",
        generator=Network("acgan", 32),
        discriminator=Network("acgan", 32, (("dropout", 0.3),)),
        objective=Objective(BinaryCrossEntropy(real_label=0.9), (("classes", AuxiliaryClasses()),)),
        weights=(("adversarial", fixed(1.0)), ("classes", fixed(2.0))),
        optimizer=Optimizer("adam", fixed(2e-4)),
        batch=64,
        ema_kimg=fixed(3.0),
        latent=100,
        conditional=True,
    ),
    # Section 5: K+1 outputs, the generator learns by feature matching alone (section 3.1). Classes weigh 4 times: at equal weight the
    # discriminator spends a short run on telling generated images apart, and classifies no better than without them.
    "sslgan": Recipe(
        source="Salimans et al., arXiv:1606.03498",
        kind="noise",
        generator=Network("dcgan", 32),
        discriminator=Network("sslgan", 32, (("convs", 2), ("dropout", 0.3))),
        objective=Objective(BinaryCrossEntropy(), (("classes", KnownClasses()), ("matching", FeatureMatching()))),
        weights=(("adversarial", fixed(0.0)), ("classes", fixed(4.0)), ("matching", fixed(1.0))),
        optimizer=Optimizer("adam", fixed(3e-4)),
        batch=64,
        ema_kimg=fixed(3.0),
        latent=100,
    ),
}
