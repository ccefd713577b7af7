import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.train.loop.settings import Settings
from tests.test_trainer import equal, run, small, squares

EXACT = Settings(seed=0, kimg=0.064, threads=1, ticks=4, precision="fp64")
HAS_COMPILER = shutil.which("g++") or shutil.which("clang++")


@pytest.mark.filterwarnings("ignore")
def test_without_a_compiler_training_goes_on_uncompiled_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch._inductor.config as inductor

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    with inductor.patch("cpp.cxx", ("/nonexistent/c++",)):
        fast, _ = run(squares(), replace(EXACT, fast=True))
    said = capsys.readouterr().out
    assert said.startswith("train.fast: torch.compile does not work here, so training goes on without it: ") and said.count("\n") == 1
    assert "C++ compiler" in said
    assert equal(fast, run(squares(), EXACT)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own, of many kinds
@pytest.mark.skipif(not HAS_COMPILER, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.parametrize("name", ["dcgan", "acgan", "r3gan", "wgan-gp"])
def test_compiled_networks_learn_the_same(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    torch._dynamo.reset()
    data = squares(classes=2)
    recipe = small(name, batch=8)  # a compiled dropout draws other numbers
    recipe = replace(recipe, discriminator=replace(recipe.discriminator, options=())) if name == "acgan" else recipe
    plain, compiled = (run(data, replace(EXACT, fast=fast), recipe)[1] for fast in (False, True))
    assert capsys.readouterr().out == ""
    for ours, theirs in zip(compiled.ticks[1:], plain.ticks[1:], strict=True):
        assert ours.scalars == pytest.approx(theirs.scalars, rel=1e-6)
