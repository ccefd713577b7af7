"""The model folder and what it is good for: `folder` writes and reads it, by `stored`, `sample` makes images of noise, `translate` and
`upscale` change pictures, `classifier` tells their classes, `files` takes them over whole folders, `onnx` exports, and `card` says in
README.md what the model is.

    model = load_model("data/model")
    images = next(generate(model, count=8, seed=0))
"""

from pipeline.train.model.classifier import Classifier, classify, load_classifier
from pipeline.train.model.folder import Model, load_model, save_model
from pipeline.train.model.sample import generate, interpolate, to_uint8
from pipeline.train.model.translate import Translate
from pipeline.train.model.upscale import Upscale

__all__ = [
    "Classifier", "Model", "Translate", "Upscale", "classify", "generate", "interpolate", "load_classifier", "load_model", "save_model",
    "to_uint8",
]
