"""How much images differ from one another: near nothing where a generator makes one picture over and over."""

import torch

__all__ = ["diversity"]


def diversity(images: torch.Tensor, labels: torch.Tensor | None = None) -> float:
    """The root mean square distance between two of the images (n, C, H, W), each pixel counting alike; in the images' own unit.

    With int64 `labels` (n,) only images of one class are compared, for a generator may be told the class and still make one
    picture of each; those of -1 are of no class. Over all pairs this is the square root of twice the variance. 0 where there are
    no two images to compare.
    """
    flat = images.flatten(1).double()
    groups = [flat] if labels is None else [flat[labels == label] for label in labels[labels >= 0].unique()]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return 0.0
    pairs = torch.tensor([len(group) * (len(group) - 1) for group in groups], dtype=torch.float64)
    squares = torch.stack([2 * group.var(0, correction=1).mean() for group in groups])
    return float((squares * pairs).sum().div(pairs.sum()).sqrt())
