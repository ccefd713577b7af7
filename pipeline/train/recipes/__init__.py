"""What is trained and with which numbers: `recipe` has what a recipe is, `noise`, `classes`, `translation` and `upscaling` the recipes,
`chosen` one of them with what params.yaml says otherwise."""

from pipeline.train.recipes import classes, noise, translation, upscaling
from pipeline.train.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe"]

RECIPES: dict[str, Recipe] = {**noise.RECIPES, **classes.RECIPES, **translation.RECIPES, **upscaling.RECIPES}
