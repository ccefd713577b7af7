"""Percent and kappa, against examples worked out by hand."""

from pathlib import Path

import pytest

from pipeline.curate.decisions.agreement import Agreement, agreements, kappa, share
from pipeline.curate.decisions.decision import Decision
from pipeline.curate.decisions.store import Store, Word


def id_(number: int) -> str:
    return f"i{number:016x}"


def test_kappa_of_a_worked_example() -> None:
    # 50 images: both keep 20, both reject 15, ann keeps what bob rejects 5, the other way round 10.
    # p_o = 35/50 = 0.7; ann keeps 25/50, bob keeps 30/50: p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5; kappa = 0.2/0.5 = 0.4
    pairs = [("keep", "keep")] * 20 + [("reject", "reject")] * 15 + [("keep", "reject")] * 5 + [("reject", "keep")] * 10
    assert share(pairs) == 0.7
    assert kappa(pairs) == pytest.approx(0.4)


def test_kappa_at_its_bounds() -> None:
    assert kappa([("keep", "keep"), ("reject", "reject")]) == 1
    assert kappa([("keep", "reject"), ("reject", "keep")]) == -1
    assert kappa([("keep", "reject"), ("keep", "keep")]) == 0  # one of them always says the same: no better than chance


def test_what_is_undefined_is_none() -> None:
    assert share([]) is None and kappa([]) is None
    assert share([("keep", "keep")] * 7) == 1 and kappa([("keep", "keep")] * 7) is None


def test_each_one_s_first_own_word_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "review", tmp_path / "lock")
    store.decide([Word(id_(n), "cats", "keep") for n in range(4)], "ann")
    store.decide([Word(id_(0), "cats", "keep"), Word(id_(1), "cats", "reject")], "bob")
    store.decide([Word(id_(1), "cats", "keep")], "bob")  # after they talked
    store.decide([Word(id_(2), "cats", "reject")], "bob")
    store.undo("bob")  # a slip
    store.settle(Word(id_(3), "cats", "reject"), "bob")
    assert agreements(store.entries(), []) == [Agreement("between", "ann", "bob", 2, 0.5, 0.0)]
    assert agreements(reversed(store.entries()), []) == [Agreement("between", "ann", "bob", 2, 0.5, 0.0)]


def test_being_asked_again_blind_is_agreement_with_oneself(tmp_path: Path) -> None:
    store = Store(tmp_path / "review", tmp_path / "lock")
    store.decide([Word(id_(1), "cats", "keep"), Word(id_(2), "cats", "reject")], "ann")
    store.decide([Word(id_(1), "cats", "keep")], "ann")  # not blind: says nothing
    store.decide([Word(id_(1), "cats", "keep"), Word(id_(2), "cats", "keep")], "ann", blind=True)
    # p_o = 1/2; first words keep 1/2, second ones keep 2/2: p_e = 1/2, so kappa = 0
    assert agreements(store.entries(), []) == [Agreement("within", "ann", "", 2, 0.5, 0.0)]


def test_rows_of_the_class_files_count_where_there_is_no_history(tmp_path: Path) -> None:
    store = Store(tmp_path / "review", tmp_path / "lock")
    store.decide([Word(id_(1), "cats", "keep"), Word(id_(2), "cats", "reject")], "ann")
    rows = [Decision(id_(1), "keep", reviewer="eve"), Decision(id_(2), "reject", reviewer="eve"),
            Decision(id_(1), "reject", reviewer="ann"), Decision(id_(1), "reject", reviewer="")]
    assert agreements(store.entries(), rows) == [Agreement("between", "ann", "eve", 2, 1.0, 1.0)]
