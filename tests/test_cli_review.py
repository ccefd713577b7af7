"""darkroom review from the command line, in a project folder of its own."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.curate.decisions.decision import read_decisions, read_file
from pipeline.curate.decisions.store import Store, Word
from pipeline.item import Item, image_id, write_index, write_rejections, write_table
from tests.conftest import encoded, picture

PARAMS = """
classes:
  cats: {terms: [cat], count: 4}
  dogs: {terms: [dog], count: 2}
"""
HEAD = "id,decision,reason,reviewer,reviewed_at,crop,note\n"


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Four cats and two dogs, deduplicated; their ids."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    items = []
    for number, name in enumerate(["cats"] * 4 + ["dogs"] * 2):
        data = encoded(picture(number))
        id_ = image_id(data)
        path = Path(f"data/raw/{name}/{id_}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        items.append(Item(id_, name, f"{name}/{id_}.png", 96, 80, len(data), "PNG", group=id_))
    for name in ("cats", "dogs"):
        write_index(Path(f"data/raw/{name}/index.csv"), [i for i in items if i.class_ == name])
    write_index(Path("data/deduped/index.csv"), items)
    rows = [(i.id, i.id, i.class_, i.path, "yes", "", 0, "", "", "", f"{n:064x}") for n, i in enumerate(items)]
    names = ("group", "id", "class", "path", "kept", "kind", "distance", "correlation", "margin", "copy_of", "pdq")
    write_table(Path("data/deduped/groups.csv"), names, rows)
    write_rejections(Path("data/deduped/rejected.csv"), [])
    return [i.id for i in items]


def said() -> dict[str, str]:
    return {id_: row.decision for id_, row in read_decisions(Path("data/review")).items()}


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(["review", *arguments])
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["review", *arguments])
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_decisions_are_recorded_in_one_step_with_their_history(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "cats", "--reject", ids[0][:9], "--reason", "blurry", "--keep-rest", "--reviewer", "ann")
    assert out == "kept 3, rejected 1; written to data/review/, which belongs in git; `dvc repro` applies it\n"
    assert said() == {ids[0]: "reject", ids[1]: "keep", ids[2]: "keep", ids[3]: "keep"}
    store = Store(Path("data/review"), Path("data/.cache/review/lock"))
    assert [e.look for e in store.history(ids[1])] == [f"{1:064x}"]
    assert len(store.undo("ann")) == 4 and set(said().values()) == {""}


def test_a_new_decision_keeps_the_crop_and_the_note(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/review").mkdir()
    Path("data/review/cats.csv").write_text(HEAD + f'{ids[0]},keep,,ann,2026-01-01,"0,0,0.5,1",mind the ear\n')
    told(capsys, "--reject", ids[0], "--reviewer", "ann")
    [row] = read_file(Path("data/review/cats.csv"))
    assert (row.decision, row.crop, row.note) == ("reject", "0,0,0.5,1", "mind the ear")


def test_another_s_decision_is_not_overwritten_but_told(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--keep", ids[0], "--reviewer", "ann")
    assert f"1 in conflict with what others said ({ids[0]})" in told(capsys, "--reject", ids[0], "--reviewer", "bob")
    assert f"1 in conflict with what others said ({ids[0]})" in told(capsys, "--status")


def test_status_counts_what_waits(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--status") == "4 of cats await a decision\n2 of dogs await a decision\n"
    told(capsys, "cats", "--keep-rest")
    assert told(capsys, "dogs", "--status") == "2 of dogs await a decision\n"
    assert told(capsys, "cats", "--status") == "every image has been decided\n"


def test_what_cannot_be_meant_is_one_line(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no class 'birds'; it has cats, dogs" in refused(capsys, "birds")
    assert "--keep-rest needs the class" in refused(capsys, "--keep-rest")
    assert "cannot be kept and rejected at once" in refused(capsys, "--keep", ids[0], "--reject", ids[0])
    assert "no image here has an id that begins with 'izz'" in refused(capsys, "--keep", "izz")
    assert "6 images here have" in refused(capsys, "--keep", "i").replace("has an id", "have an id")
    assert not Path("data/review").exists()


def test_a_sheet_s_decisions_are_merged_as_its_reviewer_s_words(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--keep", ids[1], "--reviewer", "ann")
    unknown, known_class = "i" + "e" * 16, "i" + "f" * 16
    Path("sheet.csv").write_text(
        "id,class,decision,reason,reviewer,reviewed_at,crop,note\n"
        f"{ids[0]},,keep,,eve,2026-01-02T00:00:00Z,,\n{ids[1]},cats,reject,text,eve,2026-01-02T00:00:00Z,,'=1+1\n"
        f"{ids[2]},,,,,,,\n{ids[4]},,reject,,,,,\n{unknown},,keep,,eve,,,\n{known_class},dogs,keep,,eve,,,\n"
    )
    out = told(capsys, "--merge", "sheet.csv", "--reviewer", "cid")
    assert "4 decisions taken over from sheet.csv, 0 were here already" in out
    assert f"1 not taken: no such image is here, and the file does not tell the class ({unknown})" in out
    assert f"1 in conflict with what others said ({ids[1]})" in out
    rows = {(r.id, r.reviewer): (r.decision, r.note) for name in ("cats", "dogs") for r in read_file(Path(f"data/review/{name}.csv"))}
    assert rows == {(ids[0], "eve"): ("keep", ""), (ids[1], "ann"): ("keep", ""), (ids[1], "eve"): ("reject", "=1+1"),
                    (ids[4], "cid"): ("reject", ""), (known_class, "eve"): ("keep", "")}
    before = Path("data/review/history/eve.csv").read_bytes()
    assert "0 decisions taken over from sheet.csv, 4 were here already" in told(capsys, "--merge", "sheet.csv", "--reviewer", "cid")
    assert Path("data/review/history/eve.csv").read_bytes() == before


def test_a_sheet_does_not_take_back_what_its_reviewer_decided_since(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--keep", ids[0], "--reviewer", "eve")
    Path("sheet.csv").write_text(HEAD + f"{ids[0]},reject,,eve,2020-01-02T00:00:00Z,,\n")
    assert f"1 not taken: their reviewer has decided anew since ({ids[0]})" in told(capsys, "--merge", "sheet.csv")
    assert said() == {ids[0]: "keep"}


def test_a_malformed_sheet_says_nothing(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("sheet.csv").write_text(HEAD + f"{ids[0]},keep,,eve,,,\n{ids[1]},kepe,,eve,,,\n")
    assert "sheet.csv, line 3: decision 'kepe' is not allowed" in refused(capsys, "--merge", "sheet.csv")
    assert "missing.csv is missing" in refused(capsys, "--merge", "missing.csv")
    assert "data is missing; name the file" in refused(capsys, "--merge", "data")
    assert said() == {}


def test_agreement_is_a_table(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody has judged an image that was judged before" in told(capsys, "--agreement")
    told(capsys, "--keep", ids[0], ids[1], "--reject", ids[2], ids[3], "--reviewer", "ann")
    told(capsys, "--keep", ids[0], "--reject", ids[1], ids[2], ids[3], "--reviewer", "bob")
    head, row = told(capsys, "--agreement").splitlines()
    # p_o = 3/4; keep: ann 2/4, bob 1/4; p_e = 1/8 + 3/8 = 1/2; kappa = 1/2
    assert head.split() == ["reviewers", "images", "agree", "kappa"] and row.split() == ["ann,", "bob", "4", "75.0%", "0.50"]


def test_check_tells_all_and_ends_with_1(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--keep", ids[0], "--reviewer", "ann")
    assert told(capsys, "--check") == "0 problems, 0 warnings in 1 file: 1 decision and 1 rows of history\n"
    Path("data/review/cats.csv").write_text(HEAD + "x,keep,,,,,\ny,keep,,,,,\n")
    with pytest.raises(SystemExit) as ended:
        main(["review", "--check"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1 and len(lines) == 3 and lines[-1].startswith("2 problems")


def test_tidy_sorts(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/review").mkdir()
    Path("data/review/cats.csv").write_text("decision;id\r\n" + "".join(f"keep;{id_}\r\n" for id_ in sorted(ids[:2], reverse=True)))
    assert told(capsys, "--tidy") == "1 files sorted\n"
    assert Path("data/review/cats.csv").read_text() == HEAD + "".join(f"{id_},keep,,,,,\n" for id_ in sorted(ids[:2]))


def test_a_sheet_is_written_for_what_waits(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--keep", ids[0])
    assert told(capsys, "cats", "--sheet", "out/cats.html").startswith("3 images in out/cats.html")
    page = Path("out/cats.html").read_text()
    assert ids[1] in page and ids[0] not in page and ids[4] not in page
    assert told(capsys, "--sheet", "all.html", "--all").startswith("6 images in all.html")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_page_is_served_until_ctrl_c(ids: list[str], tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "review", "--no-browser", "--host", host]
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]
        port = address.split("/")[2].split(":")[1]
        with pytest.raises(urllib.error.HTTPError) as stranger:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/project", timeout=20)
        assert stranger.value.code == 403
        token = {"Authorization": f"Bearer {address.split('token=')[1]}"}
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/api/project", headers=token), timeout=20) as answer:
            assert b'"cats"' in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 130) and "Traceback" not in errors
    assert ("whoever reaches 0.0.0.0" in errors) == (host == "0.0.0.0")


def test_a_crop_that_another_drew_on_an_undecided_image_stays_when_it_is_kept_from_here(
    ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(Path("data/review"), Path("data/.cache/review/lock"))
    store.decide([Word(ids[0], "cats", "", crop="0,0,1,0.5")], "ann")
    assert "conflict" not in told(capsys, "--keep", ids[0], "--reviewer", "bob")
    row = read_decisions(Path("data/review"))[ids[0]]
    assert (row.decision, row.crop) == ("keep", "0,0,1,0.5")


def test_a_user_without_a_name_is_told_to_give_one(
    ids: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")  # what a container's made-up user gets from the standard library

    monkeypatch.setattr("getpass.getuser", nameless)
    assert "--reviewer NAME" in refused(capsys, "--keep", ids[0])
    assert "kept 1" in told(capsys, "--keep", ids[0], "--reviewer", "ann")
