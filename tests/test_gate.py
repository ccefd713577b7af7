from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import params
from pipeline.curate.decisions.decision import Decision
from pipeline.curate.decisions.inherit import Proposal, proposals
from pipeline.curate.decisions.store import Store, Word
from pipeline.curate.gate import Curated, curate, gate
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import Item, Rejection, write_index, write_rejections, write_table

NOBODY = Forgotten(frozenset(), frozenset())


def item(number: int, group: int | None = None, **values: str) -> Item:
    id_ = f"i{number:016x}"
    return Item(id_, "a", f"a/{id_}.png", 10, 10, 10, "PNG", group=f"i{group if group is not None else number:016x}", **values)


def ids(start: int, share: float, falls: bool, count: int) -> list[int]:
    """Numbers whose id falls under `share` or not: the first 32 bits of an id decide."""
    limit = (int(share * 2**32) + 1) << 32
    return [start + (0 if falls else limit) + n for n in range(1, count + 1)]


def decide(items: list[Item], said: dict[int, Decision] | None = None, forgotten: Forgotten = NOBODY, rejected: list[Rejection] = [],  # noqa: B006
           copies: dict[str, str] | None = None, **settings: object) -> Curated:
    decisions = {d.id: d for d in (said or {}).values()}
    groups = {i.id: i.group for i in items} | (copies or {})
    return curate(items, rejected, decisions, forgotten, groups, params.Review.model_validate({"holdout": 0.1, **settings}))


def word(number: int, decision: str, reason: str = "") -> dict[int, Decision]:
    return {number: Decision(item(number).id, decision, reason=reason, reviewer="ann")}


def test_a_person_s_word_counts_and_is_recorded() -> None:
    result = decide([item(1), item(2)], word(1, "reject", "blurry"))
    assert [i.id for i in result.items] == [item(2).id]
    assert [(r.rule, r.detail) for r in result.rejections] == [("person", "blurry by ann")]


@pytest.mark.parametrize(("pending", "passing"), [("keep", 2), ("drop", 1)])
def test_what_nobody_judged_is_kept_or_dropped(pending: str, passing: int) -> None:
    result = decide([item(1), item(2)], word(1, "keep"), pending=pending)
    assert len(result.items) == passing
    assert len(result.items) + len(result.rejections) == 2


def test_the_gate_stops_with_counts_and_what_to_run() -> None:
    with pytest.raises(UserError, match=r"2 images await a decision \(2 of a\); run `darkroom review`"):
        decide([item(1), item(2), item(3)], word(1, "keep"), pending="stop")
    everyone = word(1, "keep") | word(2, "reject") | word(3, "keep")
    assert len(decide([item(1), item(2), item(3)], everyone, pending="stop").items) == 2


def test_a_takedown_beats_a_person_s_keep() -> None:
    by_id = decide([item(1)], word(1, "keep"), Forgotten(frozenset({item(1).id}), frozenset()))
    by_url = decide([item(1, image_url="http://x/1")], word(1, "keep"), Forgotten(frozenset(), frozenset({"http://x/1"})))
    assert by_id.items == by_url.items == [] and by_id.rejections[0].rule == "forgotten"


def test_a_kept_copy_is_no_longer_among_the_rejected() -> None:
    copy = Rejection(item(2).id, "a", "duplicate-near", "")
    both = word(1, "keep") | word(2, "keep")
    result = decide([item(1), item(2, group=1)], both, rejected=[copy])
    assert result.rejections == [] and len(result.items) == 2


def test_the_copy_that_a_person_chose_replaces_the_one_kept_automatically() -> None:
    copy = Rejection(item(2).id, "a", "duplicate-near", "")
    result = decide([item(1), item(2, group=1)], word(2, "keep"), rejected=[copy])
    assert [i.id for i in result.items] == [item(2).id]
    [left] = result.rejections
    assert (left.id, left.rule) == (item(1).id, "duplicate") and f"copy of {item(2).id}, which was kept by ann" in left.detail
    assert decide([item(1), item(2, group=1)], word(2, "keep"), pending="stop").items == result.items, "it does not wait for anybody"
    gone = decide([item(1), item(2, group=1)], word(2, "keep"), Forgotten(frozenset({item(2).id}), frozenset()))
    assert [i.id for i in gone.items] == [item(1).id], "a copy that was taken down replaces nothing"


@pytest.mark.parametrize("pending", ["keep", "drop"])
def test_a_rejected_copy_holds_the_others_back_until_someone_overrules_it(pending: str) -> None:
    groups = {item(2).id: item(1).id}
    result = decide([item(1)], word(2, "reject", "offtopic"), copies=groups, pending=pending)
    [held] = result.rejections
    assert result.items == [] and (held.id, held.rule) == (item(1).id, "inherited")
    assert f"{item(2).id} was rejected: offtopic by ann" in held.detail and "keep this one" in held.detail
    overruled = decide([item(1)], word(1, "keep") | word(2, "reject", "offtopic"), copies=groups, pending=pending)
    assert [i.id for i in overruled.items] == [item(1).id]


def test_a_copy_rejected_for_being_one_holds_nothing_back() -> None:
    assert len(decide([item(1)], word(2, "reject", "duplicate"), copies={item(2).id: item(1).id}).items) == 1


def test_what_is_inherited_waits_where_the_gate_stops() -> None:
    with pytest.raises(UserError, match=r"1 images await a decision \(1 of a\)"):
        decide([item(1), item(2)], word(2, "keep") | word(3, "reject"), copies={item(3).id: item(1).id}, pending="stop")


def test_a_box_drawn_without_a_judgement_is_used() -> None:
    drawn = {1: Decision(item(1).id, "", crop="0,0,0.5,0.5")}
    assert decide([item(1)], drawn).items[0].more["crop"] == "0,0,0.5,0.5"


LOOK = "00" * 32


def offered(groups: dict[int, int], said: dict[int, Decision], looks: dict[int, str] | None = None,
            remembered: dict[int, str] | None = None) -> dict[str, Proposal]:
    named = ({item(n).id: look for n, look in (given or {}).items()} for given in (looks, remembered))
    return proposals({item(n).id: item(g).id for n, g in groups.items()}, {d.id: d for d in said.values()}, *named)


def test_a_group_proposes_what_was_said_of_one_member() -> None:
    assert offered({1: 1, 2: 1, 3: 1, 4: 4}, word(2, "reject", "text")) == {
        item(1).id: Proposal("reject", item(2).id, "ann"), item(3).id: Proposal("reject", item(2).id, "ann"),
    }
    assert offered({1: 1, 2: 1, 3: 1}, word(2, "keep")) == {item(1).id: Proposal("keep", item(2).id, "ann")}
    assert offered({1: 1, 2: 1}, word(2, "reject", "duplicate")) == {}
    assert offered({1: 1, 2: 1, 3: 1}, word(2, "keep") | word(3, "reject", "text")) == {}, "people saw a difference"


def test_an_image_that_has_gone_proposes_its_decision_for_one_that_looks_like_it() -> None:
    near, far = "ff" * 2 + "00" * 30, "ff" * 2 + "01" + "00" * 29  # 16 and 17 bits away
    said = word(9, "reject", "text") | word(8, "keep")
    assert offered({1: 1, 2: 2}, said, {1: near, 2: far}, {9: LOOK}) == {item(1).id: Proposal("reject", item(9).id, "ann")}
    closer = offered({1: 1}, said, {1: near}, {9: LOOK, 8: near})
    assert closer == {item(1).id: Proposal("keep", item(8).id, "ann")}, "the nearest counts"
    assert offered({1: 1, 9: 9}, said, {1: near}, {9: LOOK}) == {}, "an image that is here speaks for its group alone"


def test_agreement_is_written_beside_the_list(tmp_path: Path) -> None:
    raw, deduped, review, out = (tmp_path / name for name in ("raw", "deduped", "review", "curated"))
    write_index(deduped / "index.csv", [item(1), item(2)])
    write_table(deduped / "groups.csv", ("group", "id"), [(item(n).id, item(n).id) for n in (1, 2)])
    write_rejections(deduped / "rejected.csv", [])
    store = Store(review, tmp_path / "lock")
    store.decide([Word(item(n).id, "a", "keep") for n in (1, 2)], "ann")
    store.decide([Word(item(1).id, "a", "keep")], "bob")
    (review / "history/bob.csv").write_text((review / "history/bob.csv").read_text() + "rubbish\n")  # which keeps nobody from building
    assert len(gate(raw, deduped, review, out, ["a"], params.Review()).items) == 2
    assert (out / "agreement.csv").read_text() == "kind,reviewer,other,images,agree,kappa\nbetween,ann,bob,1,1.0,\n"


def test_the_share_held_out_follows_from_the_ids() -> None:
    low, high = ids(0, 0.1, True, 3), ids(0, 0.1, False, 3)
    splits = {i.id: i.split for i in decide([item(n) for n in low + high]).items}
    assert {splits[item(n).id] for n in low} == {"holdout"} and {splits[item(n).id] for n in high} == {"train"}


def test_near_duplicates_are_never_on_both_sides_and_only_move_to_training() -> None:
    [low], [high] = ids(0, 0.1, True, 1), ids(0, 0.1, False, 1)
    alone = decide([item(low)])
    assert alone.items[0].split == "holdout" and alone.moved == []
    joined = decide([item(low), item(high, group=low)], word(high, "keep"))
    assert {i.split for i in joined.items} == {"train"} and joined.moved == [item(low).group]
    copy_only = decide([item(low)], copies={item(high).id: item(low).group})  # the copy itself is not in the list
    assert copy_only.items[0].split == "train"


def test_a_source_s_own_split_stands() -> None:
    [high] = ids(0, 0.1, False, 1)
    assert decide([replace(item(high), split="holdout")]).items[0].split == "holdout"
