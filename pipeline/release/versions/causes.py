"""Why an image is new, gone, or not what it was: each has one cause, the first in the chain from the search to the pixels that tells.

scrape     the search found it, or no longer does; or the site tells other facts of it
rule       an automatic rule of deduplication, of the gate or of cropping took it out, or no longer does
person     somebody decided
takedown   it was forgotten
class      its class is new, gone, or has another name; or it went to another class
parameter  the same image has other pixels or another split, because of a value in params.yaml
code       the same, because of the program or a library
unknown    no table tells
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.curate.decisions.decision import Decision
from pipeline.item import Item
from pipeline.release.versions.snapshot import PIXELS, Refusal, Snapshot

__all__ = ["CAUSES", "Why", "changed_params", "shown", "why_added", "why_facts", "why_moved", "why_pixels", "why_removed", "why_split"]

CAUSES = ("scrape", "rule", "person", "takedown", "class", "parameter", "code", "unknown")

BY_PEOPLE = ("person", "inherited", "duplicate")  # the gate's rules that follow from somebody's word, the last two on a copy
FACTS = ("title", "creator", "license", "license_url", "source", "term", "image_url", "page_url")
ABSENT = object()
LONG = 100  # characters of two lists beside each other


@dataclass(frozen=True)
class Why:
    """`cause` is one of CAUSES, `reason` what many images share, `detail` what is said of this one."""

    cause: str
    reason: str
    detail: str = ""


def why_added(item: Item, before: Snapshot, after: Snapshot) -> Why:
    """Why `item` is in the dataset of `after` and was not in that of `before`."""
    taken = before.takedown(item)
    if taken and not after.takedown(item):
        return Why("takedown", "the takedown was withdrawn", taken.reason)
    if item.id not in before.collected:
        if item.class_ not in before.classes and after.classes:
            return Why("class", f"class {item.class_} is new", _found_by(item))
        return Why("scrape", _search(item, before, after, new=True), _found_by(item))
    refusal = before.refusal(item)
    was, now = before.decisions.get(item.id), after.decisions.get(item.id)
    if now and now.decision == "keep" and not (was and was.decision == "keep"):
        return Why("person", f"kept{_by(now)}", f"was refused: {_told(refusal)}" if refusal else "")
    if refusal is None:
        return Why("unknown", "it was collected before, and no table tells why it was left out")
    if refusal.rule == "person":
        withdrawn = f"the rejection was withdrawn{_by(now)}" if now else "the rejection is no longer in the decisions"
        return Why("person", withdrawn, _told(refusal))
    if refusal.rule in BY_PEOPLE:
        return Why("person", "a copy of it is judged otherwise now", refusal.detail)
    why, detail = _rule(refusal, before, after, gone=True)
    return Why("rule", f"{refusal.rule} no longer applies{why}", detail)


def why_removed(item: Item, before: Snapshot, after: Snapshot) -> Why:
    """Why `item` was in the dataset of `before` and is not in that of `after`."""
    taken = after.takedown(item)
    refusal = after.refusal(item)
    if taken or (refusal and refusal.rule == "forgotten"):
        return Why("takedown", "taken down", " ".join(part for part in (taken.day, taken.reason) if part) if taken else "")
    if item.id not in after.collected:
        if item.class_ not in after.classes and after.classes:
            return Why("class", f"class {item.class_} is gone from params.yaml", _found_by(item))
        if refusal:
            keys = _keys(before, after, "scrape.", f"classes.{item.class_}.")
            return Why("scrape", f"refused by the scraper: {refusal.rule}{_brackets(keys)}", refusal.detail)
        return Why("scrape", _search(item, before, after, new=False), _found_by(item))
    if refusal is None:
        return Why("unknown", "it is still collected, and no table tells why it was left out")
    if refusal.rule == "person":
        return Why("person", _rejected(after.decisions.get(item.id), refusal), _found_by(item))
    if refusal.rule in BY_PEOPLE:
        return Why("person", "somebody judged a copy of it", refusal.detail)
    why, detail = _rule(refusal, before, after, gone=False)
    return Why("rule", f"{refusal.rule}{why}", detail)


def why_moved(old: Item, new: Item, before: Snapshot, after: Snapshot) -> Why:
    """Why an image is in another class."""
    if old.class_ not in after.classes and new.class_ not in before.classes:
        return Why("class", f"class {old.class_} is called {new.class_} now")
    if old.class_ not in after.classes:
        return Why("class", f"class {old.class_} is gone; {new.class_} has it too")
    row = next((row for row in after.refusals.get(old.id, ()) if row.class_ == old.class_), None)
    why = f"both find it, and {new.class_} comes first" if row else f"{old.class_} no longer finds it"
    return Why("class", f"moved from {old.class_} to {new.class_}", why)


def why_split(old: Item, new: Item, before: Snapshot, after: Snapshot) -> Why:
    """Why an image is on the other side of the holdout."""
    move = f"{old.split} → {new.split}"
    if _own_split(old, before) != _own_split(new, after):
        return Why("scrape", f"{move}: its source says so")
    if keys := _keys(before, after, "review.holdout"):
        return Why("parameter", f"{move}: {', '.join(keys)}")
    copies = _copies(new.id, after) ^ _copies(old.id, before)
    if copies:
        return Why("rule", f"{move}: its group of near-duplicates is another", f"came or went: {', '.join(sorted(copies)[:3])}")
    if keys := _keys(before, after, "review."):
        return Why("parameter", f"{move}: {', '.join(keys)}")
    return _by_code(f"{move}: ", "review", before, after)


def why_pixels(item: Item, before: Snapshot, after: Snapshot) -> Why:
    """Why the same image has other pixels: the first stage whose result differs, and the params from there on."""
    stages = list(PIXELS)
    first = next((s for s in stages if before.pixels.get(s, {}).get(item.id) != after.pixels.get(s, {}).get(item.id)), stages[-1])
    was, now = before.curated.get(item.id), after.curated.get(item.id)
    drawn = (was.more.get("crop", "") if was else "", now.more.get("crop", "") if now else "")
    if first == "crop" and drawn[0] != drawn[1]:
        decision = after.decisions.get(item.id) if drawn[1] else None
        return Why("person", f"crop box drawn{_by(decision)}" if drawn[1] else "crop box taken back", f"box {drawn[1]}" if drawn[1] else "")
    if keys := _keys(before, after, *(f"{stage}." for stage in stages[stages.index(first):])):
        return Why("parameter", ", ".join(keys))
    return _by_code("", first, before, after)


def why_facts(old: Item, new: Item) -> Why | None:
    """What else is told of the same image in the dataset's index, if anything."""
    names = [name for name in FACTS if getattr(old, name) != getattr(new, name)]
    told = (f"{name} {getattr(old, name) or '(none)'} → {getattr(new, name) or '(none)'}" for name in names)
    return Why("scrape", f"another {', '.join(names)}", "; ".join(told)) if names else None


def changed_params(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The keys whose values differ, with both values as text; a class that is new or gone is one key."""
    classes = [{".".join(key.split(".")[:2]) for key in side if key.startswith("classes.")} for side in (before, after)]
    found: dict[str, tuple[str, str]] = {}
    for key in sorted({*before, *after}):
        name = ".".join(key.split(".")[:2])
        if key.startswith("classes.") and (name in classes[0]) != (name in classes[1]):
            found[name] = ("(none)", "new") if name in classes[1] else ("there", "gone")
        elif before.get(key, ABSENT) != after.get(key, ABSENT):
            found[key] = _two(before.get(key, ABSENT), after.get(key, ABSENT))
    return found


def _two(old: Any, new: Any) -> tuple[str, str]:
    """Both values as text; of long lists, what only one of them has."""
    texts = shown(old), shown(new)
    if not (isinstance(old, list) and isinstance(new, list)) or sum(map(len, texts)) <= LONG:
        return texts
    own = [[one for one in mine if one not in other] for mine, other in ((old, new), (new, old))]
    return (shown(["…", *own[0]]), shown(["…", *own[1]])) if any(own) else texts


def shown(value: Any) -> str:
    """A value of params.yaml in few words."""
    if value is ABSENT:
        return "(not set)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(shown(one) for one in value)}]"
    return '""' if value == "" else str(value)


def _keys(before: Snapshot, after: Snapshot, *starts: str) -> list[str]:
    """What differs in the params that start so, as `key old → new`."""
    differing = _differing(before, after)
    return [f"{key} {old} → {new}" for start in starts for key, (old, new) in differing.items() if key.startswith(start)]


@lru_cache(maxsize=1)
def _differing(before: Snapshot, after: Snapshot) -> dict[str, tuple[str, str]]:
    """Asked for every image, and the same for all."""
    return changed_params(before.params, after.params)


def _search(item: Item, before: Snapshot, after: Snapshot, new: bool) -> str:
    """Which change of the search brought the image, or lost it."""
    here, there = (after, before) if new else (before, after)
    end = "is new" if new else "is no longer asked"
    base = f"classes.{item.class_}"
    if item.source and item.source not in _sources(item.class_, there) and item.source in _sources(item.class_, here):
        return f"source {item.source} {end}"
    if item.term and item.term not in _terms(item.class_, there) and item.term in _terms(item.class_, here):
        return f'term "{item.term}" {end}'
    if (item.class_, item.image_url) in there.addresses:
        return "the file behind its address is another one now"
    if keys := _keys(before, after, f"{base}.", "scrape."):
        return ", ".join(keys)
    return "newly found by the same search" if new else "no longer found by the same search"


def _sources(name: str, side: Snapshot) -> set[str]:
    entries = side.params.get(f"classes.{name}.sources") or side.params.get("scrape.sources") or []
    return {next(iter(entry)) if isinstance(entry, Mapping) else str(entry) for entry in entries}


def _terms(name: str, side: Snapshot) -> set[str]:
    terms = side.params.get(f"classes.{name}.terms") or []
    templates = side.params.get(f"classes.{name}.templates") or side.params.get("scrape.templates") or ["{term}"]
    return {*terms, *(template.replace("{term}", term) for term in terms for template in templates)}


def _found_by(item: Item) -> str:
    return ", ".join([f'"{item.term}"'] * bool(item.term) + [item.source] * bool(item.source))


def _own_split(item: Item, side: Snapshot) -> str:
    return side.collected[item.id].split if item.id in side.collected else ""


def _copies(id_: str, side: Snapshot) -> set[str]:
    return side.members.get(side.groups.get(id_, ""), set())


def _rule(refusal: Refusal, before: Snapshot, after: Snapshot, gone: bool) -> tuple[str, str]:
    """(why the rule holds now and did not, or the reverse; the detail): another copy that came or went, else the params of that rule."""
    other = re.match(r"copy of (i[0-9a-f]{16})\b", refusal.detail)
    if other and other[1] not in (after if gone else before).collected:
        return (" as the better copy is gone", refusal.detail) if gone else (" of one that is new", refusal.detail)
    if refusal.stage == "dedupe" and refusal.rule.startswith("flag-"):
        starts = ["dedupe.reject_if"]
    elif refusal.stage == "dedupe":
        starts = [f"dedupe.{key}" for key in ("near", "distance", "prefer", "turned", "across")]
    else:
        starts = {"review": ["review.pending"], "crop": ["crop.", "resize.size"]}.get(refusal.stage, [f"{refusal.stage}."])
    return _brackets(_keys(before, after, *starts)), refusal.detail


def _brackets(keys: Iterable[str]) -> str:
    text = ", ".join(keys)
    return f" ({text})" if text else ""


def _by_code(start: str, stage: str, before: Snapshot, after: Snapshot) -> Why:
    """What is left where no param differs: the code that DVC saw change, or what a key also holds."""
    paths = {*before.code.get(stage, {}), *after.code.get(stage, {})}
    changed = sorted(p for p in paths if before.code.get(stage, {}).get(p) != after.code.get(stage, {}).get(p))
    if changed:
        return Why("code", f"{start}the program of stage {stage} changed ({', '.join(changed)})")
    return Why("code", f"{start}the reading of images or a library of stage {stage} changed")


def _rejected(decision: Decision | None, refusal: Refusal) -> str:
    if decision is None or decision.decision != "reject":
        return f"rejected: {refusal.detail}"
    return f"rejected{_by(decision)}: {decision.reason or 'no reason given'}"


def _by(decision: Decision | None) -> str:
    return f" by {decision.reviewer}" if decision and decision.reviewer else ""


def _told(refusal: Refusal | None) -> str:
    return f"{refusal.rule}, {refusal.detail}" if refusal else ""
