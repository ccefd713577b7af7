import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from pipeline.identity import version_in
from pipeline.item import Item, Rejection, read_index, read_table, write_index, write_rejections, write_table
from pipeline.prepare.dataset.card import text
from pipeline.prepare.dataset.markdown import UNSEEN, link, plain, table
from pipeline.prepare.dataset.samples import Look, Sample
from pipeline.prepare.dataset.sheet import contents_sheet
from pipeline.prepare.dataset.summary import Summary
from pipeline.prepare.package import package
from tests.conftest import picture
from tests.test_package import SETTINGS, packaged, paired, settings, shards, stage

HOSTILE = (
    "<script>alert(1)</script>", "a|b", "![x](http://e.example/x.png)", "[x](javascript:alert(1))", "`code`", "**b** _i_", "# head",
    "- item", "1. one", "&lt;b&gt;", "line\nbreak", "\\", "www.e.example http://e.example me@e.example", "$x$", "~~gone~~", "--- ",
    "| --- |", "=cmd()", "’“ünïcödé” 猫 🙂", 'quo"te', "key: value", "---", "%YAML", "{{x}}", "\u202eesrever", "'", "```", "\x07bell\x85",
)
MARKUP = {
    "html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "strong_open", "s_open", "fence", "code_block", "hr",
    "blockquote_open", "ordered_list_open",
}
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(text: str) -> list[Token]:
    """All tokens of a Markdown document, the inline ones after their blocks."""
    return [part for token in READER.parse(text) for part in (token, *(token.children or []))]


def shown(text: str) -> str:
    return UNSEEN.sub(" ", text).strip()


def card(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def head(text: str) -> dict:
    return yaml.safe_load(text.removeprefix("---\n").split("\n---\n")[0])


def body(text: str) -> str:
    return text.split("\n---\n", 1)[1]


def test_the_card_and_the_attributions_say_what_is_in_it(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    assert "12 images of 32x32 pixels, RGB, and 10 augmented copies" in card(out)
    assert "| a | A | x\\|y | 5 | 1 | 5 |" in card(out) and "| person | 1 |" in card(out) and "| cc-by | 12 |" in card(out)
    assert "| fliph | 10 |" in card(out) and "![some images of each class and split](sheet.png)" in card(out)
    assert len(read_table(out / "ATTRIBUTION.csv", ("id", "creator", "license"))) == 12


def test_the_card_says_how_it_was_judged(tmp_path: Path) -> None:
    folder = stage(tmp_path, 12)
    items = read_index(folder / "rgb/index.csv")
    told = [item.with_more(flags="", notes="") for item in items]
    told[5] = told[5].with_more(flags="blurry dark")
    told[3], told[4] = told[3].with_more(notes="first of 7 frames; CMYK to sRGB"), told[4].with_more(notes="first of 12 frames")
    write_index(folder / "rgb/index.csv", told)
    rows = [("between", "ann", "bob", 40, 0.95, 0.87), ("within", "ann", "", 6, 1.0, "")]
    write_table(folder / "curated/agreement.csv", ("kind", "reviewer", "other", "images", "agree", "kappa"), rows)
    written = card(packaged(folder))
    assert "review.pending is keep: what nobody rejected is in." in written
    assert "| ann and bob | 40 | 0.95 | 0.87 |" in written and "| ann, asked again | 6 | 1.0 | not defined |" in written
    assert "| blurry | 1 |" in written and "| dark | 1 |" in written
    assert "| first of N frames | 2 |" in written and "| CMYK to sRGB | 1 |" in written


def test_the_card_says_how_it_was_made(tmp_path: Path) -> None:
    given = settings(
        crop={"mode": "smart", "aspect": 1.5, "max_upscale": 2}, resize={"size": [48, 32], "fit": "pad", "pad": [1, 2, 3]},
        rgb={"background": "random", "seed": 7}, augment={"ops": ["rot_90,fliph", {"Equalize": {"p": 1}}], "copies": 3},
    )
    written = card(packaged(stage(tmp_path, 6), given))
    for line in ("crop: smart, aspect 1.5, uniform borders off (tolerance 24); what would be enlarged more than 2 times is refused",
                 "resize: 48x32, lanczos, pad, padded with 1, 2, 3; antialiased, alpha premultiplied",
                 "rgb: RGB on background random, seed 7", 'rot_90,fliph; {"Equalize": {"p": 1}} (training split only), seed 0, 3 of each'):
        assert f"{plain(line)}" in written


def test_the_card_tells_of_sizes_that_differ_and_of_pairs(tmp_path: Path) -> None:
    written = card(packaged(stage(tmp_path / "one", 6, draw=lambda number: picture(number, (32, 20 + number)))))
    assert "6 images of 32x20 to 32x25 pixels, RGB" in written and "The pictures differ in size" in written
    written = card(paired(stage(tmp_path / "two", 6), derive="low_resolution", scale=2))
    assert "6 pairs: input 16x16 pixels, RGB; target 32x32 pixels, RGB, and 4 augmented copies" in written
    assert "pair: one half derived by low\\_resolution, 2 times smaller; direction AtoB" in written


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 12))
    command = "LC_ALL=C sha256sum shards/*.tar | sha256sum"
    assert command in card(out)
    digest = subprocess.run(["bash", "-c", command], cwd=out, capture_output=True, text=True, check=True).stdout.split()[0]
    assert f"begins with {digest[:16]}." in card(out) and f"SHA-256 {digest}" in card(out)
    assert version_in(out / "shards") == digest, "what a model and metrics.json call it"
    before = shards(out)
    packaged(tmp_path, settings(package={"name": "other", "shards": 3, "creator": "Ann"}))
    assert shards(out) == before and f"SHA-256 {digest}" in card(out)


def test_the_front_matter_names_licences_and_splits(tmp_path: Path) -> None:
    folder = stage(tmp_path, 12)
    rights = [("cc0", ""), ("cc-by", "https://creativecommons.org/licenses/by/4.0/"), ("cc-by", "https://creativecommons.org/licenses/by/1.0/"),
              ("unknown", "")]
    rows = [replace(i, license=rights[n % 4][0], license_url=rights[n % 4][1]) for n, i in enumerate(read_index(folder / "rgb/index.csv"))]
    write_index(folder / "rgb/index.csv", rows)
    found = head(card(packaged(folder)))
    assert found["license"] == ["cc-by-4.0", "cc0-1.0", "other", "unknown"]
    files = [{"split": "train", "path": "shards/train-*.tar"}, {"split": "holdout", "path": "shards/holdout-*.tar"}]
    assert found["configs"][0]["data_files"] == files
    assert "| [cc-by](<https://creativecommons.org/licenses/by/4.0/>) | 3 |" in card(packaged(folder))


def test_what_strangers_wrote_is_shown_and_is_no_markup(tmp_path: Path) -> None:
    folder = stage(tmp_path, 2 * len(HOSTILE) + 2)
    rows = [
        replace(item, term=text, source=text, title=text, creator=text, license=text, license_url=f"https://e.example/{text}")
        for item, text in zip(read_index(folder / "rgb/index.csv"), HOSTILE * 3, strict=False)
    ]
    write_index(folder / "rgb/index.csv", [replace(row, split="train") for row in rows])
    items = read_index(packaged(folder) / "index.csv")
    ordinary = {token.type for token in read(body(card(packaged(stage(tmp_path / "ordinary", 4)))))}
    for hostile in HOSTILE:
        given = settings(classes={"a": {"terms": [hostile], "title": hostile, "count": 5}, "b": {"terms": ["z"], "count": 5}},
                         package={"name": "things", "title": f"x{hostile}", "description": hostile, "creator": hostile})
        written = text(Summary(given, items, {"png": Look({(32, 32): 1}, "RGB")}, {}), [], folder / "curated")
        tokens = read(body(written))
        assert {token.type for token in tokens} <= ordinary | {"text_special", "link_open", "link_close"}
        assert [t.attrs["src"] for t in tokens if t.type == "image"] == ["sheet.png"]
        led = {str(t.attrs["href"]) for t in tokens if t.type == "link_open"} - {"ATTRIBUTION.csv"}
        assert led and all(url.startswith("https://e.example/") for url in led)
        assert head(written)["pretty_name"] == " ".join(f"x{hostile}".split())
        heading = next(t for t in tokens if t.type == "inline")
        assert "".join(part.content for part in heading.children) == shown(f"x{hostile}")
        entry = written.split("```bibtex\n")[1].split("\n```\n")[0]
        assert entry.count("{") == entry.count("}") and re.fullmatch(r"@misc\{things,(\n  \w+ = \{[^{}\n]*\},?)+\n\}", entry)
    creators = [row["creator"] for row in read_table(folder / "dataset/ATTRIBUTION.csv")]
    assert set(HOSTILE) <= set(creators)


@hypothesis.given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_plain_in_a_paragraph_a_heading_and_a_cell(given: str) -> None:
    for document in (plain(given), f"# {plain(given)}", f"- {plain(given)}", "\n".join(table(("h",), [(plain(given),)]))):
        tokens = read(document)
        assert not MARKUP & {t.type for t in tokens}
        content = "".join(t.content for t in tokens if t.type in ("text", "text_special"))
        assert content.removeprefix("h" if document.startswith("| h") else "") == shown(given)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", "ftp://x.example", "https:x"])
def test_only_addresses_of_the_web_become_links(url: str) -> None:
    assert link("a", url) == "a"


def test_a_link_stays_within_its_brackets() -> None:
    (inline,) = [t for t in READER.parse(link("x]y", "https://e.example/a)b>|<c \n\"d")) if t.type == "inline"]
    assert [t.type for t in inline.children if t.type not in ("text", "text_special")] == ["link_open", "link_close"]
    assert inline.children[0].attrs["href"] == "https://e.example/a%29b%3E%7C%3Cc%20%0A%22d"


def test_the_sheet_has_a_row_for_each_class_and_split(tmp_path: Path) -> None:
    out = packaged(stage(tmp_path, 40, 6), SETTINGS)
    page = Image.open(io.BytesIO((out / "sheet.png").read_bytes()))
    one_row = Image.open(packaged(stage(tmp_path / "small", 1, 0), settings(classes={"a": {"terms": ["x"], "count": 1}})) / "sheet.png")
    row = one_row.height // 2  # its second row is the flipped copy's
    assert page.width == one_row.width and round(page.height / row) == 2 * 3


def test_the_sheet_shows_every_augmentation(tmp_path: Path) -> None:
    colors = {"fliph": (255, 0, 0), "flipv": (0, 255, 0), "rot_90": (0, 0, 255), "blur_1": (255, 0, 255), "rot_20": (0, 255, 255)}
    samples = []
    for name, color in colors.items():
        file = tmp_path / f"{name}.png"
        Image.new("RGB", (56, 56), color).save(file)
        samples += [Sample(f"i{number:016x}__{name}", Item(f"i{number:016x}", "a", "", 1, 1, 1, "PNG", split="train",
                                                           more={"augmentation": name}), {"png": file}) for number in range(10)]
    page = contents_sheet(sorted(samples, key=lambda sample: sample.key), ["train"])
    assert {color for _, color in page.getcolors(1 << 20) or []} >= set(colors.values())


def test_what_every_stage_refused_is_on_the_card(tmp_path: Path) -> None:
    folder = stage(tmp_path, 4)
    write_rejections(folder / "crops/rejected.csv", [Rejection("i1", "a", "max_upscale", "4.0 times")])
    write_rejections(folder / "resized/rejected.csv", [Rejection("i2", "a", "unreadable", "took longer than 20 s")] * 2)
    between = (folder / "crops", folder / "resized")
    package(*(folder / name for name in ("rgb", "augmented", "pairs", "curated", "dataset")), SETTINGS, between=between)
    text = (folder / "dataset/README.md").read_text()
    assert all(f"| {rule} | {count} |" in text for rule, count in (("person", 1), (r"max\_upscale", 1), ("unreadable", 2)))
