"""The house stays in order: imports go one way, DVC knows what each stage depends on, nothing runs foreign code."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import params
from tests.conftest import ROOT

GROUND = [
    "errors", "yaml_file", "refusal", "source_params", "prepare_params", "train_params", "params", "files", "item", "spreadsheet",
    "forgotten", "image", "sheet", "engine", "bounded", "progress", "identity", "memory", "stamps", "folder",
]
ROOMS = ["collect", "curate", "prepare", "release", "train", "evaluate"]
ROOM_OF_STAGE = {
    "dedupe": "curate", "review": "curate", "crop": "prepare", "resize": "prepare", "rgb": "prepare",
    "augment": "prepare", "pair": "prepare", "package": "prepare", "train": "train", "evaluate": "evaluate",
}
LENT = {"train": {"pipeline.evaluate.lent"}}  # what a stage passes into its room from one further right
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def modules(name: str) -> list[Path]:
    """The files of a module of the ground floor, which may be a package."""
    folder = ROOT / "pipeline" / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def place(module: str) -> int | None:
    """How far to the right a module of pipeline stands; None for others."""
    parts = module.split(".")
    if parts[0] != "pipeline" or len(parts) < 2:
        return None
    return 0 if parts[1] in GROUND else 1 + ROOMS.index(parts[1]) if parts[1] in ROOMS else 99


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_from_right_to_left_only(path: Path) -> None:
    own = place(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None or own == 99:  # the package's own docstring; cli, which may use everything
        return
    for name in imported(path):
        assert not name.startswith("stages"), f"{path} imports {name}"
        reached = place(name)
        assert reached is None or reached <= own, f"{path} imports {name}, a room to its right"


def test_ground_floor_has_no_circle() -> None:
    needs = {
        name: {n.split(".")[1] for path in modules(name) for n in imported(path) if n.startswith("pipeline.")} & set(GROUND)
        for name in GROUND
    }
    while needs:
        free = [name for name, others in needs.items() if not others - {name}]
        assert free, f"a circle among {sorted(needs)}"
        needs = {name: others - set(free) for name, others in needs.items() if name not in free}


def test_only_stages_and_cli_know_data_and_params_yaml() -> None:
    for path in (ROOT / "pipeline").rglob("*.py"):
        if path.parent.name != "cli":
            literals = [n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)]
            paths = [text for text in literals if isinstance(text, str) and re.fullmatch(r"data(/[\w.]+)+/?", text)]
            assert not paths, f"{path} knows {paths}"


@pytest.mark.parametrize("stage", sorted(ROOM_OF_STAGE))
def test_a_stage_depends_on_its_file_and_its_room(stage: str) -> None:
    deps = GRAPH["stages"][stage]["deps"]
    assert f"stages/{stage}.py" in deps
    assert f"pipeline/{ROOM_OF_STAGE[stage]}" in deps
    assert not {f"pipeline/{name}.py" for name in GROUND} & set(deps), "the ground floor is in nobody's deps"
    used = {name.split(".")[1] for name in imported(ROOT / f"stages/{stage}.py") if name.startswith("pipeline.")}
    lent = LENT.get(stage, set())
    assert used - set(GROUND) == {ROOM_OF_STAGE[stage], *(module.split(".")[1] for module in lent)}
    for module in lent:
        assert reached(f"{module.replace('.', '/')}.py", set()) <= set(deps), f"{stage} is lent {module}, and depends on what that uses"


def reached(file: str, found: set[str]) -> set[str]:
    """The file and those of its folder that it imports, and so on."""
    if file not in found and (ROOT / file).exists():
        found.add(file)
        for name in imported(ROOT / file):
            other = f"{name.replace('.', '/')}.py"
            if Path(other).parent == Path(file).parent:
                reached(other, found)
    return found


@pytest.mark.parametrize("stage", sorted(ROOM_OF_STAGE))
def test_a_stage_names_every_folder_it_reads_and_writes(stage: str) -> None:
    text = (ROOT / f"stages/{stage}.py").read_text()
    named = set(re.findall(r'Path\("([^"]+)"\)', text)) - {"data/.cache"}
    entry = GRAPH["stages"][stage]
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in [*entry["outs"], *entry.get("metrics", [])]]
    assert named == {dep for dep in [*entry["deps"], *outs] if dep.startswith("data/") or dep == "metrics.json"}


def test_scrape_depends_on_no_code() -> None:
    assert "deps" not in GRAPH["stages"]["scrape"]["do"]


def test_only_the_maps_over_items_persist() -> None:
    persisting = {
        name
        for name, stage in GRAPH["stages"].items()
        for out in stage.get("outs", [])
        if isinstance(out, dict) and next(iter(out.values())).get("persist")
    }
    assert persisting == {"resize", "rgb", "augment", "pair"}


def test_every_params_key_of_the_graph_is_in_params_yaml_and_run_is_in_none() -> None:
    tree = YAML(typ="safe").load(ROOT / "params.yaml")
    for name, stage in GRAPH["stages"].items():
        for key in stage.get("do", stage).get("params", []):
            node = tree
            for step in key.replace("${key}", "faces").split("."):
                assert step in node, f"{name} depends on {key}, which params.yaml lacks"
                node = node[step]
            assert not key.startswith("run")


def test_every_section_and_key_is_written_out_in_params_yaml() -> None:
    tree = YAML(typ="safe").load(ROOT / "params.yaml")
    own = {"decay_kimg", "optimizer", "latent", "channels", "generator", "discriminator", "init", "spectral_norm", "loss",
           "label_smoothing", "weights", "steps", "warmup_kimg", "conditional", "augment_p",
           "ema_kimg"}  # the recipe's, and shown in comments
    optional = {"train": {"epochs", *own}}
    comments = "\n".join(line for line in (ROOT / "params.yaml").read_text().splitlines() if line.strip().startswith("#"))
    assert all(f"{key}: " in comments for key in own)
    for name, field in params.Params.model_fields.items():
        if name != "classes":
            keys = set(field.annotation.model_fields) - optional.get(name, set())
            assert keys == set(tree[name]), f"section {name}"


def test_schema_file_is_what_the_models_say() -> None:
    assert json.loads((ROOT / "params.schema.json").read_text()) == params.schema(), "run `make schema`"


def test_stages_hold_no_logic() -> None:
    for path in (ROOT / "stages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 32, path


def test_nothing_is_unpickled_or_evaluated() -> None:
    for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        found = re.search(r"(?<!\.)\bpickle\b|torch\.load\(|allow_pickle|(?<!\.)\beval\(|\bexec\(|shell=True", path.read_text())
        assert not found, f"{path}: {found and found.group()}"


def test_no_machine_paths_or_index_hosts_are_tracked() -> None:
    words = ["/wo" + "rk/", "/op" + "t/", "/ro" + "ot/", "files.python" + "hosted", "pypi" + ".org/simple"]
    search = ["git", "grep", "-lF", *[part for word in words for part in ("-e", word)]]
    tracked = subprocess.run(search, cwd=ROOT, capture_output=True, text=True)
    assert tracked.stdout == ""
