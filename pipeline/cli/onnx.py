"""darkroom onnx: the trained generator as a file that runs without Darkroom and without torch."""

import argparse

from pipeline.cli.places import MODEL, Commands, given_path

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("onnx", help="export the trained generator to ONNX, checked against torch")
    parser.add_argument("out", type=given_path, metavar="OUT.onnx", help="the file to write")
    parser.add_argument("--model", type=given_path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_export)


def _export(given: argparse.Namespace) -> None:
    from pipeline.train.model import load_model
    from pipeline.train.model.onnx import export

    made = export(load_model(given.model), given.out)
    inputs = "; ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in made.inputs.items())
    print(f"{given.out}: {made.size / 1e6:.1f} MB, takes {inputs}, gives images in -1..1; "
          f"onnxruntime and torch differ by at most {made.difference:.1g}")
