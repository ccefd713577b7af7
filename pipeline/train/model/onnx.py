"""A generator as an ONNX file, held against torch before anyone gets it."""

import importlib.util
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.errors import UserError
from pipeline.files import written
from pipeline.train.model.folder import Model
from pipeline.train.noise import generator, latents

__all__ = ["TOLERANCE", "Exported", "export"]

TOLERANCE = 1e-3  # of values in -1..1: an eighth of a level of 255
OPSET = 18
BATCHES = (1, 3)


@dataclass(frozen=True)
class Exported:
    """What was written: its bytes, the names and shapes of its inputs, and the largest difference to torch in values of -1..1."""

    size: int
    inputs: dict[str, tuple[str | int, ...]]
    difference: float


def export(model: Model, path: Path) -> Exported:
    """Write `path` and check it in onnxruntime against torch, for batches of 1 and 3.

    Inputs: z (batch, latent) and, for a conditional model, labels int64 (batch,); or given (batch, C, height, width) in -1..1, of any
    height and width for an upscaler and of the trained size for a translator. Output: images (batch, C, height, width) in -1..1.
    The file's metadata have kind, classes and the range. Raises UserError where a package is missing, or the two disagree.
    """
    _needed()
    names, axes = _interface(model)
    data = _exported(model, names, axes)
    difference = max(_difference(model, data, _sample(model, names, count)) for count in BATCHES)
    if not difference <= TOLERANCE:
        raise UserError(f"{path} was not written: onnxruntime's images differ from torch's by up to {difference:.2g}, more than "
                        f"{TOLERANCE:g}; use another version of torch or of onnxscript")
    with written(path) as file:
        file.write(data)
    return Exported(len(data), dict(zip(names, axes, strict=True)), difference)


def _needed() -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):  # the last is what torch's exporter uses
        if importlib.util.find_spec(name) is None:
            raise UserError(f'the package {name} is missing; `pip install "darkroom[onnx]"` brings what the export to ONNX needs')


def _interface(model: Model) -> tuple[list[str], list[tuple[str | int, ...]]]:
    """The inputs' names and shapes; a text stands for a size that may vary."""
    if model.kind == "noise":
        shapes: list[tuple[str | int, ...]] = [("batch", model.latent), ("batch",)]
        return (["z", "labels"], shapes) if model.classes else (["z"], shapes[:1])
    sides = ("height", "width") if model.kind == "upscaling" else model.given_size
    return ["given"], [("batch", model.given_colors, *sides)]


def _sample(model: Model, names: Sequence[str], count: int) -> tuple[torch.Tensor, ...]:
    if names == ["given"]:
        height, width = model.given_size
        if model.kind == "upscaling":  # of another shape for each count
            height, width = height + count, width + 2 * count
        shape = (count, model.given_colors, height, width)
        return (torch.rand(shape, generator=generator(0, "onnx", count)) * 2 - 1,)
    labels = torch.arange(count) % max(1, len(model.classes))
    return (latents(0, count, model.latent), labels)[: len(names)]


def _exported(model: Model, names: Sequence[str], axes: Sequence[tuple[str | int, ...]]) -> bytes:
    import onnx

    sizes = {name: torch.export.Dim(name) for shape in axes for name in shape if isinstance(name, str)}
    moving = tuple({place: sizes[name] for place, name in enumerate(shape) if isinstance(name, str)} for shape in axes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own insides
        program = torch.onnx.export(
            model.generator, _sample(model, names, 2), input_names=list(names), output_names=["images"], dynamic_shapes=moving,
            dynamo=True, opset_version=OPSET, external_data=False, verbose=False,
        )
    assert program is not None  # with dynamo there is always one
    proto: Any = program.model_proto
    facts = {"kind": model.kind, "classes": json.dumps(model.classes), "range": "-1..1", "made_by": "darkroom"}
    onnx.helper.set_model_props(proto, facts)
    return proto.SerializeToString()


def _difference(model: Model, data: bytes, inputs: tuple[torch.Tensor, ...]) -> float:
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    fed = {given.name: tensor.numpy() for given, tensor in zip(session.get_inputs(), inputs, strict=True)}
    with torch.inference_mode():
        ours = model.generator(*inputs).numpy()
    theirs = session.run(None, fed)[0]
    return float(np.abs(ours - theirs).max()) if theirs.shape == ours.shape else float("inf")
