"""Whether a recipe can learn from a dataset at all."""

from pipeline.errors import UserError
from pipeline.train.dataset import Dataset
from pipeline.train.recipes.recipe import Recipe

__all__ = ["check"]


def check(dataset: Dataset, recipe: Recipe) -> None:
    """Raises UserError where it cannot, with what to change."""
    if len(dataset) < 2:
        raise UserError("training needs at least two images; raise count in params.yaml or reject fewer")
    if recipe.kind == "noise" and dataset.given is not None:
        raise UserError("the dataset holds pairs, and this recipe makes images from noise; in params.yaml set pair.layout and pair.derive "
                        "to none, or train.recipe to pix2pix or srgan")
    if recipe.kind != "noise" and dataset.given is None:
        raise UserError("this recipe learns from pairs, and the dataset has none; in params.yaml set pair.layout or pair.derive, or "
                        "another train.recipe")
    shape = dataset.shape
    if recipe.kind == "translation" and shape.given_size != shape.size:
        raise UserError("a translator's two halves have one size, and the given one is smaller here; set train.recipe to srgan, or "
                        "pair.derive to canny or xdog in params.yaml")
    known = dataset.labels >= 0
    if recipe.objective.asks_classes and len(dataset.classes) < 2:
        raise UserError("this recipe learns classes and needs two or more; add a class to params.yaml")
    if recipe.objective.asks_classes and not known.any():
        raise UserError("this recipe learns classes, and no image's class is told; raise train.labeled_fraction in params.yaml (0.1 tells "
                        "one in ten)")
    if recipe.conditional and not recipe.objective.asks_classes and not known.all():
        raise UserError("a generator that is told the class needs to know that of every image; set train.labeled_fraction to 1, or "
                        "train.recipe to acgan")
