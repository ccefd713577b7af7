from dataclasses import replace

import pytest

from pipeline import params
from pipeline.curate.decisions import Decision
from pipeline.curate.gate import Curated, curate
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import Item, Rejection

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
    assert decide([item(1), item(2, group=1)], word(2, "keep"), rejected=[copy]).rejections == []


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
