"""The human gate: deduplicated images and people's decisions in, the curated list out, split for measuring."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import params
from pipeline.curate.decisions.agreement import agreements, write_agreement
from pipeline.curate.decisions.decision import Decision, decision_files, read_decisions, read_file
from pipeline.curate.decisions.history import FOLDER as HISTORY
from pipeline.curate.decisions.history_file import read_entries
from pipeline.curate.decisions.inherit import inherited, members
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten, read_forgotten
from pipeline.item import Item, Rejection, read_index, read_rejections, read_table, write_index, write_rejections

__all__ = ["Curated", "curate", "gate", "judged"]


@dataclass(frozen=True)
class Curated:
    """`items` pass, `rejections` do not; `moved` are groups that training took over from the holdout, `empty` classes without an image."""

    items: list[Item]
    rejections: list[Rejection]
    moved: list[str]
    empty: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = Counter(item.split for item in self.items)
        text = f"{len(self.items)} images pass ({counts['train']} train, {counts['holdout']} holdout), "
        text += f"{len(self.rejections)} rejected until now (see rejected.csv)"
        if self.moved:
            text += f"\nheld out before, now in training, where a near-duplicate is: {', '.join(self.moved)}"
        return text + "".join(f"\nwarning: not one image of the class {name} passes" for name in self.empty)


def gate(
    raw: Path, deduped: Path, decisions: Path, out: Path, classes: Collection[str], settings: params.Review
) -> Curated:
    """Write the curated index.csv, rejected.csv and agreement.csv. Raises UserError where the gate stops."""
    passed = judged(raw, deduped, decisions, classes, settings)
    there = {item.class_ for item in passed.items}
    passed = replace(passed, empty=tuple(name for name in classes if name not in there))
    out.mkdir(parents=True, exist_ok=True)
    write_index(out / "index.csv", passed.items)
    write_rejections(out / "rejected.csv", passed.rejections)
    entries, _ = read_entries(decisions / HISTORY)  # a row that is none keeps nobody from building; `darkroom review --check` tells
    rows = [row for path in decision_files(decisions) for row in read_file(path)]
    write_agreement(out / "agreement.csv", agreements(entries, rows))
    return passed


def judged(raw: Path, deduped: Path, decisions: Path, classes: Iterable[str], settings: params.Review) -> Curated:
    """What the gate lets pass, nothing written. Raises UserError where it stops."""
    said = read_decisions(decisions)
    group_of = {row["id"]: row["group"] for row in read_table(deduped / "groups.csv", ("group", "id"))}
    return curate(_candidates(raw, deduped, classes, said, group_of), read_rejections(deduped / "rejected.csv"),
                  said, read_forgotten(decisions), group_of, settings)


def curate(
    items: Iterable[Item], rejections: Iterable[Rejection], said: Mapping[str, Decision], forgotten: Forgotten,
    group_of: Mapping[str, str], settings: params.Review,
) -> Curated:
    """Decide each item: a takedown first, then a person's word on it, then one on a copy of it, then `settings.pending`.

    `group_of` tells the group of every image that was collected, kept or not. Where a person chose another copy, the one that
    deduplication kept gives way; where a person rejected a copy, it is held back until somebody judges it.
    """
    rejected, waiting = list(rejections), Counter[str]()
    kept, candidates = [], list(items)
    chosen = {i.group: said[i.id] for i in candidates if _decision(i, said) == "keep" and not _taken_down(i, forgotten)}
    groups = members(group_of)
    for item in candidates:
        decision = said.get(item.id) or Decision(item.id, "")
        if _taken_down(item, forgotten):
            rejected.append(Rejection(item.id, item.class_, "forgotten", "listed in data/review/forgotten.csv"))
        elif decision.decision == "reject":
            rejected.append(Rejection(item.id, item.class_, "person", f"{decision.reason or 'no reason given'}{_by(decision)}"))
        elif decision.decision == "keep":
            kept.append(item.with_more(decision=decision.decision, crop=decision.crop))
        elif item.group in chosen:
            choice = chosen[item.group]
            detail = f"copy of {choice.id}, which was kept{_by(choice)}; keep this one too to have both"
            rejected.append(Rejection(item.id, item.class_, "duplicate", detail))
        elif source := inherited(groups.get(item.group, ()), said):
            waiting[item.class_] += 1
            why = f"{said[source].reason or 'no reason given'}{_by(said[source])}"
            detail = f"its copy {source} was rejected: {why}; keep this one to overrule that"
            rejected.append(Rejection(item.id, item.class_, "inherited", detail))
        elif settings.pending == "keep":
            kept.append(item.with_more(decision="", crop=decision.crop))
        else:
            waiting[item.class_] += 1
            rejected.append(Rejection(item.id, item.class_, "pending", "nobody has judged it yet"))
    if waiting and settings.pending == "stop":
        raise UserError(_stopped(waiting))
    saved = {item.id for item in kept}
    rejected = [r for r in rejected if r.id not in saved or r.rule == "other-class"]
    split, moved = _split(kept, group_of, settings.holdout)
    return Curated(split, rejected, moved)


def _decision(item: Item, said: Mapping[str, Decision]) -> str:
    return said[item.id].decision if item.id in said else ""


def _by(decision: Decision) -> str:
    return f" by {decision.reviewer}" if decision.reviewer else ""


def _taken_down(item: Item, forgotten: Forgotten) -> bool:
    return forgotten.has(item.id, item.image_url, item.page_url)


def _candidates(
    raw: Path, deduped: Path, classes: Iterable[str], said: Mapping[str, Decision], group_of: Mapping[str, str]
) -> list[Item]:
    """What deduplication kept, and the copies that a person wants all the same."""
    items = read_index(deduped / "index.csv")
    wanted = {id_ for id_, decision in said.items() if decision.decision == "keep"} - {item.id for item in items}
    if wanted:
        for item in (item for name in classes for item in read_index(raw / name / "index.csv")):
            if item.id in wanted and item.id in group_of:
                items.append(replace(item, group=group_of[item.id]))
                wanted.discard(item.id)
    return items


def _split(kept: list[Item], group_of: Mapping[str, str], share: float) -> tuple[list[Item], list[str]]:
    """A source's own split stands. Else a group is held out if every image ever put in it falls under `share`.

    So near-duplicates are never on both sides, and an image that joins a group can take the group
    from the holdout to training but never back: what a generator has seen stays seen.
    """
    fallen = {name: [_falls(id_, share) for id_ in ids] for name, ids in members(group_of).items()}
    present = {item.group for item in kept}
    moved = sorted(name for name, each in fallen.items() if any(each) and not all(each) and name in present)
    split = [replace(i, split=i.split or ("holdout" if all(fallen[i.group]) else "train")) for i in kept]
    return split, moved


def _falls(id_: str, share: float) -> bool:
    return int(id_[1:9], 16) < share * 2**32


def _stopped(waiting: Counter[str]) -> str:
    counts = ", ".join(f"{count} of {name}" for name, count in sorted(waiting.items()))
    return (
        f"review: {sum(waiting.values())} images await a decision ({counts}); run `darkroom review` to see and judge them, "
        "then `dvc repro` again (or set review.pending to keep or drop in params.yaml)"
    )
