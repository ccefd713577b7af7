import json
from typing import get_args

import pytest

from pipeline.train.recipes.chosen import chosen
from pipeline.train.recipes.told import told
from pipeline.train_params import LOSSES, RECIPES, Train


def facts(recipe: str, **settings: object) -> dict[str, object]:
    return told(chosen(Train.model_validate({"recipe": recipe, "kimg": 1, **settings})))


def test_the_numbers_of_a_paper_are_told() -> None:
    """Radford et al., arXiv:1511.06434, section 4: Adam, 0.0002, beta1 0.5; Salimans et al., arXiv:1606.03498, section 3.4: 0.9;
    Gulrajani et al., arXiv:1704.00028, algorithm 1."""
    dcgan = facts("dcgan")
    assert dcgan["optimizer"] == {"name": "adam", "beta1": 0.5, "beta2": 0.999} and dcgan["learning_rate"] == 0.0002
    assert dcgan["loss"] == "bce" and dcgan["label_smoothing"] == 0.9 and dcgan["steps"] == [1, 1]
    assert dcgan["weights"] == {"adversarial": 1.0}
    critic = facts("wgan-gp")
    assert critic["loss"] == "wasserstein" and critic["steps"] == [5, 1]
    assert critic["weights"] == {"adversarial": 1.0, "gradient_penalty": 10.0}


@pytest.mark.parametrize("loss", get_args(LOSSES))
def test_what_params_says_is_told(loss: str) -> None:
    found = facts("dcgan", loss=loss, learning_rate=0.001, steps=[2, 3], channels=24, discriminator={"norm": "none"}, decay_kimg=5)
    assert found["loss"] == loss and found["steps"] == [2, 3]
    assert found["discriminator"] == {"name": "dcgan", "channels": 24, "norm": "none"}
    assert found["learning_rate"] == {"start": 0.001, "end": 0.00001, "kimg": 5.0, "curve": "cosine"}


def test_what_changes_on_the_way_is_told() -> None:
    found = facts("dcgan", loss="least_squares", label_smoothing=0.9, augment=["flip"], augment_p="adaptive",
                  steps=[{"kimg": 0, "steps": [1, 1]}, {"kimg": 2, "steps": [1, 2]}])
    assert found["label_smoothing"] == 0.9 and found["augment_p"] == "adaptive"
    assert found["steps"] == [{"kimg": 0.0, "steps": [1, 1]}, {"kimg": 2.0, "steps": [1, 2]}]


@pytest.mark.parametrize("recipe", get_args(RECIPES))
def test_every_recipe_can_be_written_down(recipe: str) -> None:
    found = facts(recipe)
    assert json.loads(json.dumps(found)) == found and found["loss"] in get_args(LOSSES)
