"""mirror(): bring a folder of images in line with an index, doing only what changed.

Every output carries a key: the hash of what it was made from (the input's own key, or its id), of the
work and its parameters, and of the code that did it. What has the right key and whose bytes are still
the recorded ones is kept; the rest is made; what nobody wants is deleted. So the folder is byte for
byte what a run from scratch would have made.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from pipeline import bounded, image
from pipeline import engine as engines
from pipeline.errors import UserError
from pipeline.files import put
from pipeline.identity import code_of, digest
from pipeline.item import Item, Rejection, read_index, write_index, write_rejections
from pipeline.progress import progress
from pipeline.stamps import Stamps

__all__ = ["Made", "Task", "Work", "mirror"]

SAVED_EVERY = 500  # results between two writings of the index
AT_A_TIME = 256  # files that a thread looks at before it asks for more
WORTH_A_BAR = 200  # fewer are done before anyone looks

Work = Callable[[Path, Item], bytes]
"""From the input's path and its item to the bytes of the output file. Raises image.ImageError."""


@dataclass(frozen=True)
class Task:
    """One output to have: the input file, its item, the work, and the item that describes the output."""

    source: Path
    item: Item
    work: Work
    result: Item


@dataclass(frozen=True)
class Made:
    """What mirror() did, in numbers of files."""

    made: int
    kept: int
    removed: int
    rejected: int

    def __str__(self) -> str:
        text = f"made {self.made}, kept {self.kept}, removed {self.removed}"
        return text + (f", rejected {self.rejected} (see rejected.csv)" if self.rejected else "")


def mirror(
    tasks: Sequence[Task], target: Path, engine: str = "local", workers: int = 0, strangers: bool = False, beside: Collection[str] = (),
    seen: Path | None = None,
) -> Made:
    """Make `target` hold exactly the results of `tasks`, an index.csv of them and a rejected.csv; where they are there, write nothing.

    Adds the columns `key` (see above) and `digest` (of the output's bytes) to each item. With `strangers` the sources are files
    that anybody may have made, and are worked on within bounds of time and memory. `beside` names further files of `target` that
    are not touched. `seen` is where stamps of the results are kept, so that the next run need not read those that look the same.
    A run that is cut off loses no more than the last few hundred results.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = [_keyed(task) for task in tasks]
    paths = {task.result.path for task in wanted}
    if len(paths) != len(wanted):
        raise UserError(f"two outputs in {target} would have the same name; this is a bug worth reporting")
    before, stamps = _recorded(target), Stamps(seen)
    kept = _good(before, wanted, target, stamps, engines.at_once(engine, workers))
    todo = [task for task in wanted if task.result.path not in kept]
    described = {task.result.path: task.result for task in wanted}
    items = [described[path].with_more(digest=item.more["digest"]) for path, item in kept.items()]
    rejected: list[Rejection] = []
    for outcome in _outcomes(todo, target, engine, workers, strangers):
        if isinstance(outcome, Rejection):
            rejected.append(outcome)
            continue
        items.append(outcome)
        stamps.note(target / outcome.path, outcome.more["digest"])
        if len(items) % SAVED_EVERY == 0:
            write_index(target / "index.csv", items)
    removed = _remove_others(target, {*(item.path for item in items), "index.csv", "rejected.csv", *beside})
    write_index(target / "index.csv", items)
    write_rejections(target / "rejected.csv", rejected)
    stamps.keep()
    return Made(len(todo) - len(rejected), len(kept), removed, len(rejected))


def _outcomes(todo: Sequence[Task], target: Path, engine: str, workers: int, strangers: bool) -> Iterator[Item | Rejection]:
    """What came of each task, in order, with a bar for those who wait."""
    work = _Make(target)
    found = bounded.each(work, todo, engine, workers) if strangers else engines.each(work, todo, engine, workers)
    with progress(target.name, len(todo), "images") if len(todo) >= WORTH_A_BAR else nullcontext(_unseen) as tell:
        for task, outcome in zip(todo, found, strict=True):
            tell(1)
            yield Rejection(task.item.id, task.item.class_, "unreadable", outcome.reason) if isinstance(outcome, bounded.Lost) else outcome


def _unseen(more: float) -> None:
    """Nobody looks."""


@dataclass(frozen=True)
class _Make:
    target: Path

    def __call__(self, task: Task) -> Item | Rejection:
        try:
            data = task.work(task.source, task.item)
        except image.ImageError as error:
            return Rejection(task.item.id, task.item.class_, "unreadable", str(error))
        put(self.target / task.result.path, data)
        return task.result.with_more(digest=digest(data))


def _keyed(task: Task) -> Task:
    made_from = task.item.more.get("key") or task.item.id
    key = digest("\n".join((made_from, repr(task.work), code_of(type(task.work)))).encode())
    return Task(task.source, task.item, task.work, task.result.with_more(key=key))


def _recorded(target: Path) -> dict[str, Item]:
    if not (target / "index.csv").exists():
        return {}
    try:
        return {item.path: item for item in read_index(target / "index.csv")}
    except UserError:
        return {}  # an index of another shape describes nothing that can be kept


def _good(before: Mapping[str, Item], wanted: Sequence[Task], target: Path, stamps: Stamps, workers: int) -> dict[str, Item]:
    """What is there and as it should be, by path. Threads do, for most of it is reading and hashing."""
    def of(some: Sequence[Task]) -> dict[str, Item]:
        return {task.result.path: before[task.result.path] for task in some if _is_good(before.get(task.result.path), task, target, stamps)}

    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(of, (wanted[start : start + AT_A_TIME] for start in range(0, len(wanted), AT_A_TIME)))
        return {path: item for part in parts for path, item in part.items()}


def _is_good(item: Item | None, task: Task, target: Path, stamps: Stamps) -> bool:
    if item is None or item.more.get("key") != task.result.more["key"]:
        return False
    return stamps.digest(target / item.path) == item.more.get("digest")


def _remove_others(target: Path, keep: Collection[str]) -> int:
    found = [(path, path.is_dir() and not path.is_symlink()) for path in target.rglob("*")]
    others = [path for path, is_folder in found if not is_folder and path.relative_to(target).as_posix() not in keep]
    for path in others:
        path.unlink()
    for folder in sorted((path for path, is_folder in found if is_folder), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return len(others)
