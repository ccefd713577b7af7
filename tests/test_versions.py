"""Two versions side by side: every image that differs has one cause, and the numbers add up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline import params
from pipeline.curate.decisions.decision import Decision
from pipeline.curate.gate import curate
from pipeline.forgotten import Forgotten, add_forgotten
from pipeline.item import Item, Rejection, write_index, write_rejections, write_table
from pipeline.release.versions.causes import CAUSES, changed_params
from pipeline.release.versions.compare import Change, compare, unbuilt
from pipeline.release.versions.sheet import MOST, sheet, spread
from pipeline.release.versions.snapshot import Refusal, Snapshot, Takedown, built_with, flat, read_snapshot
from tests.conftest import encoded

PARAMS = flat({
    "classes": {"cats": {"terms": ["cat"], "count": 10}, "dogs": {"terms": ["dog"], "count": 10}},
    "scrape": {"sources": ["photosite"], "min_side": 64, "templates": ["{term}"]}, "dedupe": {"distance": 31, "reject_if": {}},
    "review": {"pending": "keep", "holdout": 0.1}, "crop": {"aspect": 1.0}, "resize": {"size": 32}, "rgb": {"background": "white"},
})


def item(number: int, class_: str = "cats", split: str = "train", **more: str) -> Item:
    known = {"term": "cat" if class_ == "cats" else "dog", "source": "photosite", "image_url": f"http://site/{number}.png", **more}
    return Item(f"i{number:016x}", class_, f"{class_}/{number}.png", 72, 72, 100, "PNG", split=split, **known)


def snapshot(items: Iterable[Item], **parts: object) -> Snapshot:
    """A version in which `items` are in the dataset, and nothing else was collected unless `collected` says so."""
    images = {one.id: one for one in items}
    collected = images | {one.id: one for one in parts.pop("collected", ())}  # type: ignore[attr-defined]
    bare = {id_: replace(one, split="") for id_, one in collected.items()}
    return Snapshot(images, bare, images, **{"params": PARAMS, **parts})  # type: ignore[arg-type]


def only(before: Snapshot, after: Snapshot) -> Change:
    """The one change there is."""
    changes = compare(before, after).changes
    assert len(changes) == 1, changes
    return changes[0]


def told(before: Snapshot, after: Snapshot) -> tuple[str, str, str]:
    change = only(before, after)
    return change.kind, change.why.cause, change.why.reason


def refused(number: int, stage: str, rule: str, detail: str = "", class_: str = "cats") -> dict[str, tuple[Refusal, ...]]:
    return {item(number).id: (Refusal(stage, rule, detail, class_),)}


def said(number: int, decision: str, reason: str = "") -> dict[str, Decision]:
    return {item(number).id: Decision(item(number).id, decision, reason, "anna")}


def test_the_same_version_twice_has_no_change() -> None:
    found = compare(snapshot([item(1), item(2)]), snapshot([item(1), item(2)]))
    assert found.same and not found.params and found.total.after == 2


# --- added and removed by the search


def test_a_new_term_a_new_source_a_higher_count_and_nothing_at_all() -> None:
    empty = snapshot([])
    terms = PARAMS | {"classes.cats.terms": ["cat", "kitten"], "classes.cats.count": 20}
    assert told(empty, snapshot([item(1, term="kitten")], params=terms)) == ("added", "scrape", 'term "kitten" is new')
    sources = PARAMS | {"scrape.sources": ["photosite", {"folder": {"path": "x"}}]}
    assert told(empty, snapshot([item(1, source="folder")], params=sources)) == ("added", "scrape", "source folder is new")
    count = PARAMS | {"classes.cats.count": 20}
    assert told(empty, snapshot([item(1)], params=count)) == ("added", "scrape", "classes.cats.count 10 → 20")
    assert told(empty, snapshot([item(1)])) == ("added", "scrape", "newly found by the same search")
    assert only(empty, snapshot([item(1)])).why.detail == '"cat", photosite'


def test_a_term_in_a_new_form_is_a_new_term() -> None:
    forms = PARAMS | {"scrape.templates": ["{term}", "{term} outside"]}
    assert told(snapshot([]), snapshot([item(1, term="cat outside")], params=forms))[2] == 'term "cat outside" is new'


def test_what_the_search_no_longer_brings() -> None:
    gone = PARAMS | {"classes.cats.terms": ["kitten"]}
    assert told(snapshot([item(1)]), snapshot([], params=gone)) == ("removed", "scrape", 'term "cat" is no longer asked')
    small = snapshot([], params=PARAMS | {"scrape.min_side": 80}, refusals=refused(1, "scrape", "too-small", "72x72"))
    assert told(snapshot([item(1)]), small) == ("removed", "scrape", "refused by the scraper: too-small (scrape.min_side 64 → 80)")


def test_another_file_behind_the_same_address() -> None:
    found = compare(snapshot([item(1)]), snapshot([item(2, image_url=item(1).image_url)]))
    assert [(c.kind, c.why.reason) for c in found.changes] == [
        ("added", "the file behind its address is another one now"), ("removed", "the file behind its address is another one now"),
    ]


# --- by a rule


def test_a_rule_names_itself_and_the_params_that_it_reads() -> None:
    wider = PARAMS | {"dedupe.distance": 40, "dedupe.reject_if.blurry": 0.7, "resize.size": 48}
    copy = refused(1, "dedupe", "duplicate-near", f"copy of {item(2).id} (cats, 72x72): near, 35 bits apart")
    before, after = snapshot([item(1), item(2)]), snapshot([item(2)], collected=[item(1)], refusals=copy, params=wider)
    assert told(before, after) == ("removed", "rule", "duplicate-near (dedupe.distance 31 → 40)")
    assert told(after, before) == ("added", "rule", "duplicate-near no longer applies (dedupe.distance 40 → 31)")
    flagged = replace(after, refusals=refused(1, "dedupe", "flag-blurry", "blurry 0.8, from 0.7 on"))
    assert told(before, flagged)[2] == "flag-blurry (dedupe.reject_if.blurry (not set) → 0.7)"


def test_a_better_copy_that_came_explains_more_than_a_param() -> None:
    copy = refused(1, "dedupe", "duplicate-near", f"copy of {item(2).id} (cats, 72x72): near, 3 bits apart")
    after = snapshot([item(2)], collected=[item(1)], refusals=copy, params=PARAMS | {"dedupe.distance": 40})
    found = compare(snapshot([item(1)]), after)
    assert [(c.kind, c.why.reason) for c in found.changes][1] == ("removed", "duplicate-near of one that is new")


def test_pending_images_that_are_dropped() -> None:
    drop = snapshot([], collected=[item(1)], refusals=refused(1, "review", "pending"), params=PARAMS | {"review.pending": "drop"})
    assert told(snapshot([item(1)]), drop) == ("removed", "rule", "pending (review.pending keep → drop)")


def test_an_image_that_cropping_refuses() -> None:
    limit = PARAMS | {"crop.max_upscale": 1}
    after = snapshot([], collected=[item(1)], refusals=refused(1, "crop", "enlarged", "2.1 times"), params=limit)
    assert told(snapshot([item(1)]), after) == ("removed", "rule", "enlarged (crop.max_upscale (not set) → 1)")


# --- by a person, by a takedown


def test_a_person_rejects_keeps_and_takes_it_back() -> None:
    kept = snapshot([item(1)])
    row = refused(1, "review", "person", "blurry by anna")
    rejected = snapshot([], collected=[item(1)], refusals=row, decisions=said(1, "reject", "blurry"))
    assert told(kept, rejected) == ("removed", "person", "rejected by anna: blurry")
    assert told(rejected, snapshot([item(1)], decisions=said(1, "keep"))) == ("added", "person", "kept by anna")
    assert told(rejected, snapshot([item(1)], decisions=said(1, ""))) == ("added", "person", "the rejection was withdrawn by anna")
    assert told(rejected, kept) == ("added", "person", "the rejection is no longer in the decisions")


def test_a_word_on_a_copy_is_a_persons_too() -> None:
    held = snapshot([], collected=[item(1)], refusals=refused(1, "review", "inherited", "its copy i2 was rejected: text by anna"))
    assert told(snapshot([item(1)]), held) == ("removed", "person", "somebody judged a copy of it")
    assert told(held, snapshot([item(1)])) == ("added", "person", "a copy of it is judged otherwise now")


def test_a_takedown_by_id_or_address_goes_before_every_other_cause() -> None:
    for name in (item(1).id, item(1).image_url):
        after = snapshot([], takedowns={name: Takedown("2026-01-02", "asked")}, params=PARAMS | {"classes.cats.terms": ["x"]})
        change = only(snapshot([item(1)]), after)
        assert (change.why.cause, change.why.detail) == ("takedown", "2026-01-02 asked")
        assert told(after, snapshot([item(1)])) == ("added", "takedown", "the takedown was withdrawn")


# --- classes


def test_classes_that_are_new_gone_and_renamed() -> None:
    without = {key: value for key, value in PARAMS.items() if not key.startswith("classes.dogs")}
    renamed = without | {"classes.hounds.terms": ["dog"]}
    dogs, none, hounds = snapshot([item(1, "dogs")]), snapshot([], params=without), snapshot([item(1, "hounds")], params=renamed)
    assert told(none, dogs) == ("added", "class", "class dogs is new")
    assert told(dogs, none) == ("removed", "class", "class dogs is gone from params.yaml")
    assert told(dogs, hounds) == ("moved", "class", "class dogs is called hounds now")
    assert [(c.name, c.before, c.moved, c.after) for c in compare(dogs, hounds).counts] == [("dogs", 1, -1, 0), ("hounds", 0, 1, 1)]


def test_who_rejects_an_image_is_told_though_its_class_has_another_name_now() -> None:
    renamed = {key.replace("dogs", "hounds"): value for key, value in PARAMS.items()}
    after = snapshot([], collected=[item(1, "hounds")], refusals=refused(1, "review", "person", "text by anna", "hounds"), params=renamed)
    assert told(snapshot([item(1, "dogs")]), after) == ("removed", "person", "rejected: text by anna")


def test_an_image_that_two_classes_find() -> None:
    both = snapshot([item(1, "dogs")], refusals=refused(1, "dedupe", "other-class"))
    change = only(snapshot([item(1)]), both)
    assert (change.why.reason, change.why.detail) == ("moved from cats to dogs", "both find it, and dogs comes first")


# --- the same image, otherwise


def pixels(**stages: str) -> dict[str, dict[str, str]]:
    return {stage: {item(1).id: made} for stage, made in {"crop": "0,0,9,9", "resize": "a", "rgb": "b", **stages}.items()}


def test_pixels_name_the_params_from_the_first_stage_that_differs() -> None:
    before = snapshot([item(1)], pixels=pixels())
    changed = PARAMS | {"crop.aspect": 1.5, "resize.size": 48}
    cropped = snapshot([item(1)], pixels=pixels(crop="0,0,9,6", resize="c", rgb="d"), params=changed)
    assert told(before, cropped) == ("changed", "parameter", "crop.aspect 1.0 → 1.5, resize.size 32 → 48")
    same_box = replace(cropped, pixels=pixels(resize="c", rgb="d"))
    assert told(before, same_box) == ("changed", "parameter", "resize.size 32 → 48")
    flattened = snapshot([item(1)], pixels=pixels(rgb="d"), params=PARAMS | {"rgb.background": "black"})
    assert told(before, flattened) == ("changed", "parameter", "rgb.background white → black")


def test_pixels_without_another_param_come_from_the_program_or_a_library() -> None:
    before = snapshot([item(1)], pixels=pixels(), code={"rgb": {"pipeline/prepare": "1"}})
    after = replace(before, pixels=pixels(rgb="d"))
    assert told(before, after) == ("changed", "code", "the reading of images or a library of stage rgb changed")
    program = replace(after, code={"rgb": {"pipeline/prepare": "2"}})
    assert told(before, program) == ("changed", "code", "the program of stage rgb changed (pipeline/prepare)")


def test_derived_halves_count_beside_the_picture_they_are_made_from() -> None:
    before = snapshot([item(1)], pixels=pixels(pair="e"))
    other_colors = snapshot([item(1)], pixels=pixels(rgb="d", pair="e"), params=PARAMS | {"rgb.mode": "L"})
    assert told(before, other_colors) == ("changed", "parameter", "rgb.mode (not set) → L")
    other_edges = snapshot([item(1)], pixels=pixels(pair="f"), params=PARAMS | {"pair.derive": "xdog"})
    assert told(before, other_edges) == ("changed", "parameter", "pair.derive (not set) → xdog")


def test_a_box_that_a_person_draws() -> None:
    before = snapshot([item(1)], pixels=pixels())
    drawn = item(1).with_more(crop="0,0,1,0.5")
    after = replace(snapshot([item(1)], pixels=pixels(crop="0,0,9,4", rgb="d"), decisions=said(1, "")), curated={drawn.id: drawn})
    assert told(before, after) == ("changed", "person", "crop box drawn by anna")
    assert told(after, before) == ("changed", "person", "crop box taken back")


def test_split_moves_and_why() -> None:
    train, held = snapshot([item(1)]), snapshot([item(1, split="holdout")])
    share = replace(held, params=PARAMS | {"review.holdout": 0.5})
    assert told(train, share) == ("changed", "parameter", "train → holdout: review.holdout 0.1 → 0.5")
    assert compare(train, share).flows == {("train", "holdout"): 1}
    joined = replace(train, groups={item(1).id: item(1).id, item(2).id: item(1).id})
    alone = replace(held, groups={item(1).id: item(1).id})
    change = only(alone, joined)
    assert (change.why.cause, change.why.detail) == ("rule", f"came or went: {item(2).id}")
    own = replace(held, collected={item(1).id: replace(item(1), split="holdout")})
    assert told(train, own) == ("changed", "scrape", "train → holdout: its source says so")


def test_another_licence_is_told_and_is_no_change_of_the_image() -> None:
    change = only(snapshot([item(1)]), snapshot([item(1, license="cc0")]))
    assert (change.kind, change.why.detail) == ("described", "license unknown → cc0")


def test_augmented_copies_count_by_name_and_digest() -> None:
    before = snapshot([item(1)], copies={"a__fliph.png": "1", "b__fliph.png": "2", "c__fliph.png": "3"})
    after = snapshot([item(1)], copies={"a__fliph.png": "1", "b__fliph.png": "9", "d__fliph.png": "4"})
    copies = compare(before, after).copies
    assert (copies.before, copies.added, copies.removed, copies.changed, copies.after) == (3, 1, 1, 1, 3)
    assert not compare(before, after).same


# --- any two versions of one world, through the real gate


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """What the gate makes of some of ten images, two classes, groups, decisions and takedowns."""
    numbers = sorted(draw(st.sets(st.integers(1, 10), min_size=1)))
    items = [item(n * 2**58 % 2**64 + n, draw(st.sampled_from(["cats", "dogs"])), "") for n in numbers]
    group_of = {one.id: draw(st.sampled_from([one.id, items[0].id])) for one in items}
    group_of = {id_: name if group_of[name] == name else id_ for id_, name in group_of.items()}
    kept = [replace(one, group=one.id) for one in items if group_of[one.id] == one.id]
    detail = "copy of {} (cats, 72x72): near, 3 bits apart"
    others = [one for one in items if group_of[one.id] != one.id]
    copies = [Rejection(one.id, one.class_, "duplicate-near", detail.format(group_of[one.id])) for one in others]
    decisions = {one.id: Decision(one.id, draw(st.sampled_from(["", "", "keep", "reject"])), "text", "anna") for one in items}
    taken = frozenset(one.id for one in items if draw(st.integers(0, 9)) == 0)
    review = params.Review(pending=draw(st.sampled_from(["keep", "drop"])), holdout=draw(st.sampled_from([0.1, 0.5])))
    wanted = {id_ for id_, word in decisions.items() if word.decision == "keep"}
    candidates = kept + [replace(one, group=group_of[one.id]) for one in others if one.id in wanted]
    curated = curate(candidates, copies, decisions, Forgotten(taken), group_of, review)
    refusals: dict[str, tuple[Refusal, ...]] = {}
    for row in curated.rejections:
        stage = "dedupe" if row in copies else "review"
        refusals[row.id] = (Refusal(stage, row.rule, row.detail, row.class_), *refusals.get(row.id, ()))
    images = {one.id: one for one in curated.items}
    settings_ = PARAMS | {"review.pending": review.pending, "review.holdout": review.holdout}
    return Snapshot(
        images, {one.id: one for one in items}, images, refusals, group_of, decisions, {id_: Takedown("", "") for id_ in taken},
        {"rgb": {id_: draw(st.sampled_from("ab")) for id_ in images}}, params=settings_,
    )


@given(worlds(), worlds())
@settings(max_examples=150, deadline=None)
def test_every_image_has_one_cause_and_the_numbers_add_up(before: Snapshot, after: Snapshot) -> None:
    found = compare(before, after)
    ids = Counter(change.item.id for change in found.changes)
    assert not [id_ for id_, times in ids.items() if times > 1]
    assert {id_ for id_ in {*before.images, *after.images} if before.images.get(id_) != after.images.get(id_)} <= {
        *ids, *(id_ for id_ in before.images if id_ in after.images)}
    for count in (*found.counts, found.total):
        assert count.before + count.added - count.removed + count.moved == count.after
    assert found.total.before == len(before.images) and found.total.after == len(after.images)
    for change in found.changes:
        assert change.why.cause in CAUSES
        assert change.why.cause != "unknown", change
    for split, (old, new) in found.splits.items():
        entered = sum(c.kind == "added" and c.item.split == split for c in found.changes)
        left = sum(c.kind == "removed" and c.item.split == split for c in found.changes)
        moves = sum(n * ((to == split) - (out == split)) for (out, to), n in found.flows.items())
        assert old + entered - left + moves == new


@given(worlds())
@settings(max_examples=30, deadline=None)
def test_a_version_differs_from_itself_in_nothing(world: Snapshot) -> None:
    assert compare(world, world).same


# --- reading


def test_tables_on_disk_are_read_as_written(tmp_path: Path) -> None:
    data, decisions = tmp_path / "data", tmp_path / "decisions"
    kept, copy = item(1), item(2)
    write_index(data / "raw" / "cats" / "index.csv", [replace(one, split="") for one in (kept, copy)])
    row = Rejection(copy.id, "cats", "duplicate-near", f"copy of {kept.id}")
    write_rejections(data / "deduped" / "rejected.csv", [row])
    write_rejections(data / "curated" / "rejected.csv", [row, Rejection(item(3).id, "cats", "person", "text by anna")])
    write_table(data / "deduped" / "groups.csv", ("group", "id"), [(kept.id, kept.id), (kept.id, copy.id)])
    write_index(data / "curated" / "index.csv", [kept])
    write_index(data / "crops" / "index.csv", [kept.with_more(box="0,0,9,9")])
    write_index(data / "rgb" / "index.csv", [kept.with_more(key="k", digest="d")])
    flipped = replace(kept, path="cats/1__fliph.png").with_more(augmentation="fliph", digest="f")
    write_index(data / "augmented" / "index.csv", [flipped])
    halves = [replace(one, path=f"{n}.png") for n, one in enumerate([kept.with_more(digest="p"), kept.with_more(digest="q"), flipped])]
    write_index(data / "pairs" / "index.csv", halves)
    write_index(data / "dataset" / "index.csv", [kept.with_more(augmentation=""), replace(flipped, path="1__fliph.png")])
    write_table(decisions / "cats.csv", ("id", "decision", "reason", "reviewer"), [(item(3).id, "reject", "text", "anna")])
    add_forgotten(decisions, [(item(4).id, "http://site/4.png")], "2026-01-02", "asked")
    read = read_snapshot(data, decisions, PARAMS)
    assert set(read.images) == {kept.id} and set(read.collected) == {kept.id, copy.id} and set(read.curated) == {kept.id}
    assert read.refusals[copy.id] == (Refusal("dedupe", "duplicate-near", f"copy of {kept.id}", "cats"),)
    assert read.refusals[item(3).id][0].stage == "review"
    assert read.pixels["crop"] == {kept.id: "0,0,9,9"} and read.pixels["rgb"] == {kept.id: "d"}
    assert read.pixels["pair"] == {kept.id: "p q"}, "both halves, and no augmented copy"
    assert read.copies == {"1__fliph.png": "f"}
    assert read.groups[copy.id] == kept.id and read.decisions[item(3).id].reviewer == "anna"
    assert read.takedowns["http://site/4.png"] == read.takedowns[item(4).id] == Takedown("2026-01-02", "asked")


def test_a_lock_tells_params_and_code_and_forgets_classes_that_are_gone() -> None:
    lock = {"stages": {
        "scrape@cats": {"params": {"params.yaml": {"classes.cats": {"count": 3}, "scrape": {"min_side": 64}}}},
        "scrape@dogs": {"params": {"params.yaml": {"classes.dogs": {"count": 3}}}},
        "dedupe": {"params": {"params.yaml": {"classes": {"cats": {"count": 3}}}},
                   "deps": [{"path": "pipeline/curate", "md5": "1.dir"}, {"path": "data/raw", "md5": "2.dir"}]},
        "train": {"params": {"params.yaml": {"train": {"kimg": 1}}}},
    }}
    settings_, code = built_with(lock)
    assert settings_ == {"classes.cats.count": 3, "scrape.min_side": 64}
    assert code["dedupe"] == {"pipeline/curate": "1.dir"}


def test_params_that_differ() -> None:
    before = {"resize.size": 32, "classes.cats.count": 1, "crop.trim": True, "same": [1]}
    after = {"resize.size": [32, 64], "classes.dogs.count": 1, "crop.trim": False, "same": [1]}
    assert changed_params(before, after) == {
        "resize.size": ("32", "[32, 64]"), "crop.trim": ("true", "false"),
        "classes.cats": ("there", "gone"), "classes.dogs": ("(none)", "new"),
    }
    many = [f"a long search term number {number}" for number in range(9)]
    assert changed_params({"t": many}, {"t": [*many, "new"]}) == {"t": ("[…]", "[…, new]")}


def test_what_was_edited_after_the_build() -> None:
    built = snapshot([item(1), item(2)])
    assert unbuilt(built, PARAMS) == []
    other = "params.yaml has other values than the dataset was built with: resize.size 32 → 64"
    assert unbuilt(built, PARAMS | {"resize.size": 64}) == [other]
    judged = replace(built, decisions=said(1, "reject") | said(2, "keep"))
    assert unbuilt(judged, PARAMS) == ["judged or taken down after the dataset was built: 1"]
    unreadable = snapshot([], collected=[item(1)], decisions=said(1, "keep"), refusals=refused(1, "dedupe", "unreadable"))
    assert unbuilt(unreadable, PARAMS) == []


# --- the sheet


def disc(level: int) -> bytes:
    return encoded(Image.new("RGB", (32, 32), (level, 0, 0)))


def test_the_sheet_draws_both_sides_and_never_a_takedown() -> None:
    before = snapshot([item(1), item(2)], pixels=pixels())
    after = snapshot([item(1)], pixels=pixels(rgb="d"), takedowns={item(2).id: Takedown("", "")})
    asked: list[str] = []

    def old(one: Item) -> bytes:
        asked.append(one.id)
        return disc(200)

    page = np.asarray(sheet(compare(before, after), "v1 → v2", old, lambda one: disc(90)))
    levels = {tuple(color) for color in page.reshape(-1, 3).tolist()}
    assert (200, 0, 0) in levels and (90, 0, 0) in levels
    assert item(2).id not in asked


def test_a_picture_that_nobody_has_is_a_grey_tile() -> None:
    found = compare(snapshot([]), snapshot([item(1)]))
    assert sheet(found, "", lambda one: None, lambda one: None).size == sheet(found, "", lambda one: disc(9), lambda one: disc(9)).size
    sheet(found, "", lambda one: None, lambda one: b"no picture")


def test_a_sheet_shows_some_of_every_reason() -> None:
    many = [item(number) for number in range(200)]
    few = [item(number, term="kitten") for number in range(300, 303)]
    changes = compare(snapshot([]), snapshot([*many, *few], params=PARAMS | {"classes.cats.terms": ["cat", "kitten"]})).changes
    chosen = spread(changes, MOST)
    assert len(chosen) == MOST and len(changes) == 203
    assert sum(change.item.term == "kitten" for change in chosen) == 3


@pytest.mark.parametrize("kind", ["added", "removed"])
def test_a_class_without_params_is_no_cause(kind: str) -> None:
    """A version from before dvc.lock told params: no class is called gone."""
    sides = [snapshot([], params={}), snapshot([item(1)], params={})]
    assert told(*(sides if kind == "added" else sides[::-1]))[:2] == (kind, "scrape")
