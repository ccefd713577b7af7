"""The section of params.yaml that says what is trained, on what terms and for how long."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.prepare_params import Section

__all__ = ["LOSSES", "RECIPES", "WEIGHTS", "Train"]

RECIPES = Literal["numgen", "dcgan", "wgan-gp", "acgan", "sslgan", "pix2pix", "srgan", "esrgan", "r3gan"]
LOSSES = Literal["bce", "hinge", "least_squares", "wasserstein", "relativistic", "relativistic_average"]
WEIGHTS = Literal["adversarial", "classes", "matching", "gradient_penalty", "r1", "r2", "l1", "l2", "perceptual"]
Count = Annotated[int, Field(ge=1, le=100)]


class From(Section):
    """From `kimg` on, so many steps of each network."""

    kimg: float = Field(ge=0, description="thousands of images shown")
    steps: tuple[Count, Count] = Field(description="[discriminator, generator] steps in turn")


class Train(Section):
    """What learns, from what and for how long. What is absent, or null, is the recipe's own."""

    recipe: RECIPES = Field("dcgan", description="`darkroom presets` lists what each is good for")
    seed: int = 0
    kimg: float | None = Field(None, gt=0, description="thousands of real images shown; or epochs")
    epochs: float | None = Field(None, gt=0, description="passes over the training images; or kimg")
    batch: int | None = Field(None, ge=2, description="images at a time, over all GPUs")
    learning_rate: float | None = Field(None, gt=0, le=1, description="of both networks, at the start")
    decay_kimg: float | None = Field(None, gt=0, description="thousands of images in which the learning rate falls to a hundredth")
    optimizer: Literal["adam", "rmsprop"] | None = Field(None, description="of both networks")
    latent: int | None = Field(None, ge=1, description="numbers of noise an image is made from")
    channels: int | None = Field(None, ge=4, description="width of both networks")
    generator: dict[str, bool | int | float | str] = Field(default={}, description="further options of the generator's network")
    discriminator: dict[str, bool | int | float | str] = Field(default={}, description="further options of the discriminator's network")
    init: Literal["own", "normal", "orthogonal", "xavier", "kaiming"] = Field(
        "own", description="how weights begin: as the network's paper says, N(0, 0.02), …"
    )
    spectral_norm: Literal["none", "discriminator", "both"] = Field("none", description="of every layer's weights (arXiv:1802.05957)")
    loss: LOSSES | None = Field(None, description="the adversarial loss")
    label_smoothing: float | None = Field(None, gt=0.5, le=1, description="what real images count as; for bce and least_squares")
    weights: dict[WEIGHTS, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="of the loss's terms, such as {l1: 100}; matching: 1 adds feature matching"
    )
    steps: tuple[Count, Count] | list[From] | None = Field(
        None, description="[discriminator, generator] steps in turn, such as [3, 1]; or a list of {kimg: from when on, steps: [D, G]}"
    )
    warmup_kimg: float | None = Field(None, ge=0, description="how long an upscaler learns from pixels alone, without the discriminator")
    conditional: bool | None = Field(None, description="whether the generator is told the class it is to draw")
    labeled_fraction: float = Field(1.0, ge=0, le=1, description="share of each class's images whose class the networks are told")
    augment: list[Literal["color", "translation", "cutout", "flip", "rotate"]] | None = Field(
        None, description="DiffAugment policies, on what the discriminator sees"
    )
    augment_p: Annotated[float, Field(ge=0, le=1)] | Literal["adaptive"] | None = Field(
        None, description="the chance of each policy for each image; adaptive: as much as the discriminator's overfitting asks for"
    )
    ema_kimg: float | None = Field(None, ge=0, description="half-life of the averaged generator, in thousands of images")
    ticks: int = Field(20, ge=1, le=1000, description="how often a run is looked at and kept")
    keep: int = Field(2, ge=1, description="checkpoints kept")
    best_kimg: float = Field(0, ge=0, description="score on held-out images every so often, and take the best generator; 0: take the last")
    tensorboard: bool = Field(False, description="also write TensorBoard's event files (needs the package tensorboard)")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where the GPU or CPU multiplies in it, else fp32")
    fast: bool | Literal["auto"] = Field("auto", description="compile the networks; auto: on a GPU, where it pays")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(2, ge=1, description="CPU threads; another number gives other last digits")

    @model_validator(mode="after")
    def _one_length(self) -> "Train":
        if (self.kimg is None) == (self.epochs is None):
            raise ValueError("give either kimg or epochs, one of the two")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> "Train":
        if isinstance(self.steps, list):
            starts = [part.kimg for part in self.steps]
            if not starts or starts[0] != 0 or starts != sorted(set(starts)):
                raise ValueError("the first entry of steps begins at kimg 0, and each later one after the one before")
        return self
