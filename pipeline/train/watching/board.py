"""TensorBoard's event files, for those who ask for them; made anew from the history whenever a run begins or goes on."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np

from pipeline.errors import UserError
from pipeline.train.watching.history import Moment

__all__ = ["Board", "check"]


def check() -> None:
    """Raises UserError where the package `tensorboard`, which torch writes through, is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "train.tensorboard: true in params.yaml needs the package tensorboard, which is not installed; "
            "`pip install tensorboard` brings it, or set it to false"
        )


class Board:
    """Writes scalars and samples to `folder`, by the number of real images shown; what lay there is deleted."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # here, because the package is optional

        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))

    def add(self, moment: Moment, page: np.ndarray | None) -> None:
        """`page`: uint8 (height, width, 3), the samples as a picture."""
        for name, value in moment.scalars.items():
            self._writer.add_scalar(name, value, moment.seen)
        if moment.diversity is not None:
            self._writer.add_scalar("diversity", moment.diversity, moment.seen)
        if page is not None:
            self._writer.add_image("samples", page, moment.seen, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
