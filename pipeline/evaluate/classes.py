"""How often the classifier of a model tells the class of held-out images right, beside what anyone could say without looking."""

from dataclasses import dataclass

import torch

from pipeline.train.dataset import Dataset
from pipeline.train.model.classifier import Classifier

__all__ = ["ClassesMeasured", "measure_classes"]


@dataclass(frozen=True)
class ClassesMeasured:
    """Shares of `count` held-out images: `accuracy` of those that the classifier tells right, `majority` of those that are of the class
    `most_common`, the one with the most training images."""

    accuracy: float
    majority: float
    most_common: str
    count: int

    def as_json(self) -> dict[str, object]:
        """What metrics.json says of it."""
        shares = {"class_accuracy": round(self.accuracy, 6), "class_accuracy_majority": round(self.majority, 6)}
        return {**shares, "n_class": self.count}


def measure_classes(classifier: Classifier, train: Dataset, holdout: Dataset) -> ClassesMeasured | None:
    """By the held-out images of classes that the classifier knows, without augmented copies; None where there are none.

    Of training all images count whose class is told, also those whose label training did not see (train.labeled_fraction).
    Raises UserError for images of another size or other colours than the classifier learned from.
    """
    numbers = _numbers(classifier, holdout)
    places = [place for place in holdout.originals if numbers[place] >= 0]
    if not places:
        return None
    truth = numbers[places]
    told = torch.from_numpy(classifier(holdout.images[places]).argmax(1))
    seen = _numbers(classifier, train)[train.originals]
    most_common = int(torch.bincount(seen[seen >= 0], minlength=len(classifier.classes)).argmax())
    right, majority = ((said == truth).double().mean().item() for said in (told, torch.full_like(truth, most_common)))
    return ClassesMeasured(right, majority, classifier.classes[most_common], len(places))


def _numbers(classifier: Classifier, dataset: Dataset) -> torch.Tensor:
    """int64 (N,): each image's class as the classifier counts, -1 for one that it does not know."""
    known = {name: number for number, name in enumerate(classifier.classes)}
    names = [known.get(name, -1) for name in dataset.classes]
    return torch.tensor([names[label] if label >= 0 else -1 for label in dataset.labels.tolist()], dtype=torch.int64)
