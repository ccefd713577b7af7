"""The whole graph in a clone of its own, small: what runs, what does not, and what comes out."""

import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.item import read_index, read_table
from tests.conftest import Project, clone, encoded, picture

UP_TO_DATE = "Data and pipelines are up to date."
AFTER_REVIEW = ["review", "crop", "resize", "rgb", "augment", "pair", "package"]
NO_BROWSER = {"DARKROOM_CHROMIUM": "/nonexistent/chromium"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 25 pictures, one of them cut off, one damaged inside, one a web page."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(22):
        (folder / f"{number:02d}.png").write_bytes(encoded(picture(number, (90, 70))))
    (folder / "cut.jpg").write_bytes(encoded(picture(99, (300, 300)), "JPEG")[:4000])
    whole = bytearray(encoded(picture(98, (90, 70))))
    whole[len(whole) // 2] ^= 0xFF
    (folder / "damaged.png").write_bytes(whole)
    (folder / "page.jpg").write_bytes(b"<html>Not found</html>")
    return folder


def small(photos: Path) -> dict:
    return {
        "birds": {"terms": ["bird"], "count": 3},
        "pets": {"terms": ["dog"], "count": 3},
        "pictures": {"count": 24, "sources": [{"folder": {"path": str(photos)}}]},
    }


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A small project that was reproduced once and committed. Tests leave it as they found it."""
    project = clone(tmp_path_factory.mktemp("built") / "project")
    for stale in ("dvc.lock", "metrics.json", "data/review/faces.csv", "data/review/animals.csv"):
        (project.folder / stale).unlink(missing_ok=True)
    project.params(
        classes=small(photos), resize={"size": 16}, train={"kimg": 0.064, "batch": 16, "channels": 8}, evaluate={"samples": 12},
        review={"holdout": 0.2},
    )
    done = project.run("darkroom", "repro")
    assert len(project.ran(done.stdout)) + 1 >= 12, done.stdout
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "built")
    yield project


@pytest.fixture
def undisturbed(built: Project) -> Iterator[Project]:
    """The built project; whatever the test changes is put back from git and from DVC's cache."""
    yield built
    built.run("git", "checkout", "-q", ".")
    built.run("git", "clean", "-fdq")
    built.run("dvc", "checkout", "-q")


def repro(project: Project, *targets: str, **variables: str) -> tuple[list[str], str]:
    done = project.run("dvc", "repro", *targets, **variables)
    return project.ran(done.stdout), done.stdout


def dataset(project: Project) -> dict[str, set[str]]:
    classes: dict[str, set[str]] = {}
    for item in read_index(project.folder / "data/dataset/index.csv"):
        classes.setdefault(item.class_, set()).add(item.id)
    return classes


def test_everything_is_there_and_bad_files_are_accounted_for(built: Project) -> None:
    metrics = json.loads((built.folder / "metrics.json").read_text())
    assert all(math.isfinite(value) for value in metrics.values() if isinstance(value, float))
    assert metrics["n_fake"] == 12 and metrics["n_real"] > 10 and len(metrics["weights_sha256"]) == 64
    model = {path.name for path in (built.folder / "data/model").iterdir()}
    assert {"generator.safetensors", "config.json", "samples.png", "evolution.gif", "curves.png"} <= model
    report = (built.folder / "data/evaluation/report.html").read_text()
    assert report.count("data:image/") == 4 and "http://" not in report and "https://" not in report
    refused = read_table(built.folder / "data/raw/pictures/rejected.csv")
    told = dict(row["detail"].split(": ") for row in refused)
    assert "cut off" in told.pop("cut.jpg") and "text or web page" in told.pop("page.jpg") and not told
    later = read_table(built.folder / "data/curated/rejected.csv")
    assert [row["rule"] for row in later] == ["unreadable"]
    assert {name: len(ids) for name, ids in dataset(built).items()} == {"birds": 3, "pets": 3, "pictures": 22}


def test_again_is_up_to_date_and_how_it_runs_changes_nothing(undisturbed: Project) -> None:
    assert UP_TO_DATE in repro(undisturbed)[1]
    undisturbed.params(run={"workers": 1, "engine": "serial"})
    assert UP_TO_DATE in repro(undisturbed)[1]


def test_other_terms_search_for_that_class_only(undisturbed: Project) -> None:
    undisturbed.params(classes={**small(Path("unused")), "birds": {"terms": ["owl"], "count": 3},
                                "pictures": undisturbed_pictures(undisturbed)})
    ran, _ = repro(undisturbed, "package")
    assert ran[:2] == ["scrape@birds", "dedupe"] and not {"scrape@pets", "scrape@pictures"} & set(ran)
    assert ran[-1] == "package"


def undisturbed_pictures(project: Project) -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(project.folder / "params.yaml")["classes"]["pictures"]


def test_a_reject_runs_review_and_what_follows(undisturbed: Project) -> None:
    victim = sorted(dataset(undisturbed)["pictures"])[0]
    undisturbed.run("darkroom", "review", "pictures", "--reject", victim[:9], "--reason", "blurry", "--reviewer", "ann")
    ran, _ = repro(undisturbed, "package")
    assert ran == AFTER_REVIEW
    assert victim not in dataset(undisturbed)["pictures"]
    rows = [r for r in read_table(undisturbed.folder / "data/curated/rejected.csv") if r["rule"] == "person"]
    assert [(r["id"], r["detail"]) for r in rows] == [(victim, "blurry by ann")]


def test_another_word_on_the_card_trains_nothing_anew(undisturbed: Project) -> None:
    undisturbed.params(package={"description": "Pictures, drawn for a test."})
    assert repro(undisturbed)[0] == ["package", "evaluate"]
    assert "drawn for a test" in (undisturbed.folder / "data/dataset/README.md").read_text()


def test_a_takedown_leaves_every_later_build_and_is_never_fetched_again(undisturbed: Project) -> None:
    victim = next(item for item in read_index(undisturbed.folder / "data/dataset/index.csv") if item.class_ == "birds")
    undisturbed.run("darkroom", "forget", victim.page_url, "--reason", "asked by its author")
    ran, _ = repro(undisturbed, "package")
    assert ran == AFTER_REVIEW
    assert victim.id not in dataset(undisturbed)["birds"]
    undisturbed.run("dvc", "repro", "-f", "-s", "scrape@birds")
    again = {item.id for item in read_index(undisturbed.folder / "data/raw/birds/index.csv")}
    assert victim.id not in again and dataset(undisturbed)["birds"] <= again
    assert "forgotten" in {row["rule"] for row in read_table(undisturbed.folder / "data/raw/birds/rejected.csv")}


def test_a_class_that_goes_leaves_the_dataset_and_comes_back_without_a_search(undisturbed: Project) -> None:
    before = dataset(undisturbed)
    classes = {**small(Path("unused")), "pictures": undisturbed_pictures(undisturbed)}
    undisturbed.params(classes={name: value for name, value in classes.items() if name != "pets"})
    ran, _ = repro(undisturbed, "package")
    assert ran[0] == "dedupe" and "pets" not in dataset(undisturbed)
    assert not (undisturbed.folder / "data/raw/pets").exists()
    undisturbed.params(classes={name: classes[name] for name in ("birds", "pets", "pictures")})
    ran, output = repro(undisturbed, "package", **NO_BROWSER)
    assert not any(stage.startswith("scrape") for stage in ran), output
    assert dataset(undisturbed) == before


def test_the_gate_stops_says_what_to_do_and_goes_on(undisturbed: Project) -> None:
    undisturbed.params(review={"pending": "stop"})
    stopped = undisturbed.run("dvc", "repro", check=False)
    assert stopped.returncode != 0
    [line] = [line for line in stopped.stderr.splitlines() if line.startswith("darkroom:")]
    assert "28 images await a decision" in line and "run `darkroom review`" in line
    assert "Traceback" not in stopped.stderr
    assert "3 of birds await" in undisturbed.run("darkroom", "review", "--status").stdout
    for name in ("birds", "pets", "pictures"):
        undisturbed.run("darkroom", "review", name, "--keep-rest")
    assert undisturbed.run("darkroom", "review", "--status").stdout.strip() == "every image has been decided"
    ran, _ = repro(undisturbed, "package")
    assert ran[0] == "review" and {len(v) for v in dataset(undisturbed).values()} == {3, 22}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("ibad,keep\n", "line 2: 'ibad' is no image id"),
        ("{0},keep\n{0},reject\n", "disagree about {0}"),
        ("{0},kepe\n", "did you mean keep?"),
    ],
)
def test_a_bad_decisions_file_stops_and_loses_nothing(undisturbed: Project, rows: str, says: str) -> None:
    some = sorted(dataset(undisturbed)["birds"])[0]
    (undisturbed.folder / "data/review/birds.csv").write_text("id,decision\n" + rows.format(some))
    stopped = undisturbed.run("dvc", "repro", check=False)
    assert stopped.returncode != 0 and "Traceback" not in stopped.stderr
    assert says.format(some) in stopped.stderr
    (undisturbed.folder / "data/review/birds.csv").unlink()
    assert UP_TO_DATE in repro(undisturbed, **NO_BROWSER)[1] or not {"dedupe", "package"} & set(repro(undisturbed)[0])


def test_a_class_that_fails_does_not_stop_the_others_and_says_why(undisturbed: Project) -> None:
    undisturbed.params(classes={**small(Path("unused")), "nothing": {"terms": ["zeppelin"], "count": 3},
                                "pictures": undisturbed_pictures(undisturbed), "cats": {"terms": ["cat"], "count": 2}})
    done = undisturbed.run("darkroom", "repro", check=False)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "scrape@cats" in undisturbed.ran(done.stdout)
    [line] = [line for line in done.stderr.splitlines() if "classes.nothing" in line]
    assert "not one image was found (classes.nothing: photosite has no results for the term 'zeppelin')" in line
    assert (undisturbed.folder / "data/dataset/index.csv").exists(), "nothing is lost"


@pytest.mark.parametrize(("name", "says"), [("7", "the class name 7 is not allowed"), ("Birds", "the class name 'Birds'")])
def test_a_bad_class_name_stops_before_dvc_starts(undisturbed: Project, name: str, says: str) -> None:
    path = undisturbed.folder / "params.yaml"
    path.write_text(path.read_text().replace("  birds:", f"  {name}:"))
    done = undisturbed.run("darkroom", "repro", check=False)
    assert done.returncode == 1 and done.stdout == "" and says in done.stderr and len(done.stderr.splitlines()) == 1


def test_generate_writes_images_and_a_grid(built: Project, tmp_path: Path) -> None:
    done = built.run("darkroom", "generate", "--num-examples", "10", "--save-path", str(tmp_path / "out/house"))
    files = sorted(path.name for path in (tmp_path / "out/house").iterdir())
    assert files == [*(f"{n:05d}.png" for n in range(10)), "grid.png"] and "10 images in" in done.stdout


def test_another_clone_makes_the_same_bytes_and_stays_clean(built: Project, tmp_path: Path) -> None:
    """dvc.lock holds the hash of every output: a clean git status after a full run is identity of all of them."""
    other = Project(tmp_path / "clone", built.home)
    subprocess.run(["git", "clone", "-q", str(built.folder), str(other.folder)], check=True)
    done = other.run("dvc", "repro")
    assert len(other.ran(done.stdout)) + 1 >= 12
    assert other.run("git", "status", "--porcelain").stdout == ""


def test_a_colleague_pulls_and_trains_without_a_browser(built: Project, tmp_path: Path) -> None:
    store, home = tmp_path / "store", tmp_path / "home"
    home.mkdir()
    built.run("dvc", "remote", "add", "--local", "--default", "store", str(store))
    try:
        built.run("dvc", "push", "-q")
    finally:
        built.run("dvc", "remote", "remove", "--local", "store")
    other = Project(tmp_path / "clone", home)
    subprocess.run(["git", "clone", "-q", str(built.folder), str(other.folder)], check=True)
    nothing = other.run("darkroom", "train", check=False, **NO_BROWSER)
    assert nothing.returncode == 1 and "no remote is set" in nothing.stderr
    other.run("dvc", "remote", "add", "--local", "--default", "store", str(store))
    other.run("darkroom", "train", **NO_BROWSER)
    assert UP_TO_DATE in repro(other, **NO_BROWSER)[1]
    other.params(train={"seed": 1})
    done = other.run("darkroom", "train", **NO_BROWSER)
    assert other.ran(done.stdout) == ["train", "evaluate"]
    assert not (other.folder / "data/.cache/collect").exists(), "something was fetched"
    shutil.rmtree(other.folder)
