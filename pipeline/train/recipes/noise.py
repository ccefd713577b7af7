"""Images from noise alone: a plain GAN, DCGAN, WGAN-GP and R3GAN."""

from pipeline.train.objectives.adversarial import BinaryCrossEntropy, Relativistic, Wasserstein
from pipeline.train.objectives.objective import Objective
from pipeline.train.objectives.penalties import R1, R2, GradientPenalty
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe, Steps
from pipeline.train.recipes.schedule import Schedule, fixed

__all__ = ["RECIPES"]

PLAIN = (("adversarial", fixed(1.0)),)

RECIPES = {
    # Fully connected networks, as in the first GAN paper; Adam and smoothing as below. Without batch normalisation in the generator
    # (arXiv:1511.06434) a run of minutes never draws some of the digits.
    "numgen": Recipe(
        source="Goodfellow et al., arXiv:1406.2661",
        kind="noise",
        generator=Network("mlp", 256, (("norm", "batch"),)),
        discriminator=Network("mlp", 256),
        objective=Objective(BinaryCrossEntropy(real_label=0.9)),
        weights=PLAIN,
        optimizer=Optimizer("adam", fixed(2e-4)),
        batch=64,
        ema_kimg=fixed(3.0),
        latent=100,
    ),
    # Section 4: latent 100, Adam 2e-4 with beta1 0.5. Label smoothing .9 as in arXiv:1606.03498. 32 channels
    # (the paper: 128) train in minutes on two cores; the average of the generator's weights, as in
    # arXiv:1710.10196, appendix A.2, with a half-life that suits so short a run.
    "dcgan": Recipe(
        source="Radford et al., arXiv:1511.06434",
        kind="noise",
        generator=Network("dcgan", 32),
        discriminator=Network("dcgan", 32),
        objective=Objective(BinaryCrossEntropy(real_label=0.9)),
        weights=PLAIN,
        optimizer=Optimizer("adam", fixed(2e-4)),
        batch=64,
        ema_kimg=fixed(3.0),
        latent=100,
        augment=("color", "translation"),
    ),
    # Algorithm 1: lambda 10, five critic steps to one, Adam 1e-4 with betas 0 and .9. The critic is the plain one of its section 6,
    # with layer normalisation (section 4); the residual one, `critic`, is five times slower on a CPU.
    "wgan-gp": Recipe(
        source="Gulrajani et al., arXiv:1704.00028",
        kind="noise",
        generator=Network("dcgan", 32),
        discriminator=Network("dcgan", 32, (("norm", "layer"),)),
        objective=Objective(Wasserstein(), (("gradient_penalty", GradientPenalty()),)),
        weights=(*PLAIN, ("gradient_penalty", fixed(10.0))),
        optimizer=Optimizer("adam", fixed(1e-4), 0.0, fixed(0.9)),
        batch=64,
        ema_kimg=fixed(3.0),
        latent=100,
        steps=(Steps(0, 5, 1),),
    ),
    # Sections 3 and 4 and appendix: both penalties with gamma falling tenfold, learning rate 2e-4 to 5e-5, Adam with
    # beta1 0 and beta2 .9 to .99, a growing average, augmentation that comes in slowly. Their runs are a thousand times
    # longer than what two cores do in minutes, so the lengths of the schedules here are those of a short
    # run, and the networks are the smallest that work: full width up to 8 pixels only, one block for each size.
    "r3gan": Recipe(
        source="Huang et al., arXiv:2501.05441",
        kind="noise",
        generator=Network("r3gan", 128, (("blocks", 1), ("full_to", 8))),
        discriminator=Network("r3gan", 128, (("blocks", 1), ("full_to", 8))),
        objective=Objective(Relativistic(), (("r1", R1()), ("r2", R2()))),
        weights=(*PLAIN, ("r1", Schedule(2.0, 0.2, 200, "cosine")), ("r2", Schedule(2.0, 0.2, 200, "cosine"))),
        optimizer=Optimizer("adam", Schedule(2e-4, 5e-5, 2000, "cosine"), 0.0, Schedule(0.9, 0.99, 200, "cosine")),
        batch=64,
        ema_kimg=Schedule(0.5, 50.0, 500),
        latent=64,
        augment=("color", "translation", "cutout"),
        augment_p=Schedule(0.0, 0.3, 200),
    ),
}
