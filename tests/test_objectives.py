"""Each loss against its formula, written out by hand in numbers or in closed form."""

import math

import pytest
import torch

from pipeline.train.networks.seen import Seen
from pipeline.train.objectives.adversarial import (
    Adversarial,
    BinaryCrossEntropy,
    Hinge,
    LeastSquares,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)
from pipeline.train.objectives.classes import AuxiliaryClasses, KnownClasses
from pipeline.train.objectives.likeness import AbsoluteDifference, FeatureMatching, Perceptual, SquaredDifference
from pipeline.train.objectives.objective import TERMS, Objective
from pipeline.train.objectives.penalties import R1, R2, GradientPenalty
from pipeline.train.objectives.scene import Scene

REAL, FAKE = torch.tensor([1.0, -2.0]), torch.tensor([0.5, -1.0])


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def mean(*values: float) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize(
    ("game", "d", "g"),
    [
        (BinaryCrossEntropy(), -mean(log_sigmoid(1), log_sigmoid(-2)) - mean(log_sigmoid(-0.5), log_sigmoid(1)),
         -mean(log_sigmoid(0.5), log_sigmoid(-1))),
        (BinaryCrossEntropy(0.9),
         -mean(*(0.9 * log_sigmoid(x) + 0.1 * log_sigmoid(-x) for x in (1, -2))) - mean(log_sigmoid(-0.5), log_sigmoid(1)),
         -mean(log_sigmoid(0.5), log_sigmoid(-1))),
        (Hinge(), mean(0, 3) + mean(1.5, 0), -mean(0.5, -1)),
        (LeastSquares(), 0.5 * mean(0, 9) + 0.5 * mean(0.25, 1), 0.5 * mean(0.25, 4)),
        (LeastSquares(0.9), 0.5 * mean(0.01, 2.9**2) + 0.5 * mean(0.25, 1), 0.5 * mean(0.25, 4)),
        (Wasserstein(), -0.25 - -0.5, 0.25),
        (Relativistic(), -mean(log_sigmoid(0.5), log_sigmoid(-1)), -mean(log_sigmoid(-0.5), log_sigmoid(1))),
        (RelativisticAverage(), -mean(log_sigmoid(1.25), log_sigmoid(-1.75)) - mean(log_sigmoid(-1), log_sigmoid(0.5)),
         -mean(log_sigmoid(-1.25), log_sigmoid(1.75)) - mean(log_sigmoid(1), log_sigmoid(-0.5))),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, float) else "",
)
def test_the_game_is_its_formula(game: Adversarial, d: float, g: float) -> None:
    assert game.d_loss(REAL, FAKE).item() == pytest.approx(d, rel=1e-5)
    assert game.g_loss(REAL, FAKE).item() == pytest.approx(g, rel=1e-5)


def look(images: torch.Tensor, labels: torch.Tensor | None, given: torch.Tensor | None) -> Seen:
    """A discriminator whose gradient is known: 3 times the sum of the pixels, plus half of their squares."""
    return Seen((3 * images + images.square() / 2).sum((1, 2, 3)))


def scene(**others: object) -> Scene:
    real = torch.full((2, 1, 2, 2), 1.0, requires_grad=True)
    fake = torch.full((2, 1, 2, 2), -1.0, requires_grad=True)
    facts: dict[str, object] = {
        "look": look, "real": real, "fake": fake, "labels": torch.tensor([0, 1]), "fake_labels": None, "given": None,
        "real_seen": look(real, None, None), "fake_seen": look(fake, None, None), **others,
    }
    return Scene(**facts)  # type: ignore[arg-type]


def test_penalties_are_of_the_gradients_at_real_at_generated_and_between() -> None:
    assert R1().d_loss(scene()).item() == pytest.approx(0.5 * 4 * (3 + 1) ** 2)
    assert R2().d_loss(scene()).item() == pytest.approx(0.5 * 4 * (3 - 1) ** 2)
    mix = torch.tensor([1.0, 0.25])[:, None, None, None]  # at the real image, and three quarters of the way to the generated one
    wanted = mean((2 * (3 + 1) - 1) ** 2, (2 * (3 - 0.5) - 1) ** 2)
    assert GradientPenalty().d_loss(scene(mix=mix)).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("term", [R1(), R2(), GradientPenalty()])
def test_penalties_reach_the_discriminators_weights(term: R1 | R2 | GradientPenalty) -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    real, fake = torch.ones(2, 1, 2, 2, requires_grad=True), -torch.ones(2, 1, 2, 2, requires_grad=True)

    def weighed(images: torch.Tensor, labels: torch.Tensor | None, given: torch.Tensor | None) -> Seen:
        return Seen((weight * images).sum((1, 2, 3)))

    shown = Scene(weighed, real, fake, torch.zeros(2, dtype=torch.int64), None, None, weighed(real, None, None), weighed(fake, None, None),
                  mix=torch.full((2, 1, 1, 1), 0.5))
    term.d_loss(shown).backward()
    # half of 4 w², differentiated: 4 w; (2w - 1)²: 4 (2w - 1)
    assert weight.grad is not None and weight.grad.item() == pytest.approx(12 if isinstance(term, GradientPenalty) else 8, rel=1e-5)


def test_classes_count_where_they_are_known_and_for_those_they_stand_for() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    right = [-math.log(math.exp(2) / (math.exp(2) + 1)), -math.log(math.e / (math.e + 1))]
    seen = Seen(torch.zeros(2), logits)
    both = scene(real_seen=seen, fake_seen=seen, fake_labels=torch.tensor([0, 1]))
    assert AuxiliaryClasses().d_loss(both).item() == pytest.approx(mean(*right), rel=1e-5)
    assert AuxiliaryClasses(of_fakes=True).d_loss(both).item() == pytest.approx(2 * mean(*right), rel=1e-5)
    g_loss = AuxiliaryClasses().g_loss(both)
    assert g_loss is not None and g_loss.item() == pytest.approx(mean(*right), rel=1e-5)
    half = scene(real_seen=seen, fake_seen=seen, labels=torch.tensor([0, -1]), labeled_share=0.5)
    assert AuxiliaryClasses().d_loss(half).item() == pytest.approx(right[0], rel=1e-5)
    assert AuxiliaryClasses().g_loss(half) is None
    told = scene(told=seen, told_labels=torch.tensor([1, 1]))
    assert KnownClasses().d_loss(told).item() == pytest.approx(mean(right[0] + 2, right[1]), rel=1e-5)


def test_likeness_is_in_pixels_in_features_and_in_the_mean_of_features() -> None:
    assert AbsoluteDifference().g_loss(scene()).item() == 2 and SquaredDifference().g_loss(scene()).item() == 4
    assert Perceptual().g_loss(scene(features=lambda images: images * 5)).item() == 10
    seen = [Seen(torch.zeros(2), None, torch.tensor(features)) for features in ([[1.0, 0.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]])]
    assert FeatureMatching().g_loss(scene(real_seen=seen[0], fake_seen=seen[1])).item() == mean(4, 4)


def test_an_objective_gives_its_parts_by_name() -> None:
    objective = Objective(Hinge(), (("r1", R1()), ("l1", AbsoluteDifference())))
    assert set(objective.d_losses(scene())) == {"adversarial", "r1"}
    assert set(objective.g_losses(scene())) == {"adversarial", "l1"}
    assert set(objective.g_losses(scene(fake_seen=None, real_seen=None))) == {"l1"}
    assert objective.image_gradients and not objective.g_sees_real and not objective.asks_classes
    assert Objective(Relativistic()).g_sees_real and Objective(Hinge(), (("matching", FeatureMatching()),)).g_sees_real
    assert Objective(Hinge(), (("classes", KnownClasses()),)).apart and Objective(Hinge(), (("gp", GradientPenalty()),)).mixes
    assert set(TERMS) == {"classes", "matching", "gradient_penalty", "r1", "r2", "l1", "l2", "perceptual"}
