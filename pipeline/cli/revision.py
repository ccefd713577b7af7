"""A version of this project, read where it lies: small files from git, tables and pictures from DVC's cache or remote. The working tree
is only looked at."""

import hashlib
import io
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.cli.places import RAW, REVIEW
from pipeline.errors import UserError
from pipeline.item import Item
from pipeline.release.versions.compare import unbuilt
from pipeline.release.versions.snapshot import FOLDERS, SECTIONS, TABLES, Snapshot, built_with, flat, live_stages, read_snapshot

__all__ = ["Version", "version_at", "working_tree"]

DATA = RAW.parent
LOCK, PARAMS = "dvc.lock", "params.yaml"


@dataclass(frozen=True)
class Version:
    """`name` is what git calls it, `day` its commit's; `bytes_of` gives a file under data/, None where nobody has it. `notes` are for
    people: what this version holds that its dataset does not show. `edited`: files that git follows are not as they were committed."""

    name: str
    sha: str
    day: str
    snapshot: Snapshot
    bytes_of: Callable[[str], bytes | None]
    notes: tuple[str, ...] = ()
    edited: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(dict.fromkeys(part for part in (self.sha[:7], self.day) if part and part != self.name))})"

    def picture(self, item: Item) -> bytes | None:
        """The image as the dataset has it; where these pixels are nowhere, the collected file."""
        collected = self.snapshot.collected.get(item.id)
        return self.bytes_of(f"rgb/{item.class_}/{item.id}.png") or (self.bytes_of(f"raw/{collected.path}") if collected else None)


def version_at(revision: str) -> Version:
    """The version at a tag, a branch or a commit. Raises UserError where there is none, or its tables are out of reach."""
    sha = _commit(revision)
    tags = _git("tag", "--points-at", sha).split()
    name = revision if revision in tags or not revision.startswith("HEAD") else next(iter(tags), sha[:7])
    lock = _yaml(_git_file(sha, LOCK), f"{LOCK} of {name}")
    if not lock and not Path(PARAMS).exists():
        raise UserError(f"there is no {PARAMS} here, nor a {LOCK} in {name}; run this in the top folder of the project")
    if f"{DATA}/dataset" not in _outs(lock):
        raise UserError(f"{name} has no dataset: its {LOCK} records none; name a version that was built and committed{_tags()}")
    system = _dvc(sha, name)
    with tempfile.TemporaryDirectory() as folder:
        for path in _outs(lock):
            _extract(system, path, Path(folder), name)
        for path in _git("ls-tree", "--name-only", sha, f"{REVIEW}/").splitlines():
            if path.endswith(".csv"):
                _put(Path(folder) / path, _git_file(sha, path))
        params, code = built_with(lock)
        snapshot = read_snapshot(Path(folder) / DATA, Path(folder) / REVIEW, params, code)
    now = flat(_yaml(_git_file(sha, PARAMS), f"{PARAMS} of {name}"))
    return Version(name, sha, _git("show", "-s", "--format=%cs", sha).strip(), snapshot, _from_dvc(system), _edits(snapshot, now, name))


def working_tree() -> Version:
    """What lies here now. Raises UserError where there is no dataset."""
    if not (DATA / "dataset" / "index.csv").exists():
        raise UserError(f"{DATA}/dataset/index.csv is missing; `dvc checkout` brings the dataset of this {LOCK}, `dvc repro` makes it")
    sha = _commit("HEAD")
    path = Path(LOCK)
    lock = _yaml(path.read_bytes(), LOCK) if path.exists() else {}
    now = flat(_yaml(Path(PARAMS).read_bytes(), PARAMS)) if Path(PARAMS).exists() else {}
    params, code = built_with(lock)
    asked = {key: value for key, value in now.items() if key.split(".")[0] in SECTIONS}
    snapshot = read_snapshot(DATA, REVIEW, params or asked, code)
    notes = _edits(snapshot, now, "the working tree")
    if other := _not_recorded(_outs(lock)):
        mend = "after `git checkout` run `dvc checkout`, after a build that stopped `dvc repro`"
        notes = (f"{other} is not what {LOCK} records; {mend}", *notes)
    edited = bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    return Version("working tree", "", f"on {sha[:7]}", snapshot, _from_disk, notes, edited)


def _edits(snapshot: Snapshot, now: Mapping[str, Any], name: str) -> tuple[str, ...]:
    built = {key: value for key, value in now.items() if key.split(".")[0] in {known.split(".")[0] for known in snapshot.params}}
    return tuple(f"{name}: {told}; `dvc repro` applies that" for told in unbuilt(snapshot, built))


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode(errors="replace")


def _git_bytes(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise UserError("git is not installed, and versions are git's; install it") from None
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise UserError(f"git {arguments[0]}: {told[0].removeprefix('fatal: ')}; run this in the top folder of the project") from None


def _git_file(sha: str, path: str) -> bytes:
    """A file of a commit, by its path from here; empty where the commit has none."""
    try:
        return _git_bytes("show", f"{sha}:./{path}")
    except UserError:
        return b""


def _commit(revision: str) -> str:
    _git("rev-parse", "--git-dir")
    try:
        return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except UserError:
        raise UserError(f"git knows no version {revision!r}; a tag, a branch, a commit or HEAD~1 will do{_tags()}") from None


def _tags() -> str:
    tags = _git("tag", "--sort=-creatordate").split()
    listed = ", ".join(tags[:10]) + (f" and {len(tags) - 10} more" if len(tags) > 10 else "")
    return f"; the tags are: {listed}" if tags else "; there are no tags yet, `git tag v1` names the version that is checked out"


def _yaml(data: bytes, name: str) -> dict[str, Any]:
    try:
        tree = YAML(typ="safe").load(io.BytesIO(data))
    except YAMLError as error:
        raise UserError(f"{name} is not YAML: {str(error).splitlines()[0]}; mend it first") from None
    return tree if isinstance(tree, dict) else {}


def _outs(lock: Mapping[str, Any]) -> list[str]:
    """The folders of a dvc.lock that hold tables."""
    outs = [out["path"] for stage in live_stages(lock).values() for out in stage.get("outs") or []]
    known = {f"{DATA}/{folder}" for folder in FOLDERS}
    return [path for path in outs if path in known or path.startswith(f"{RAW}/")]


def _dvc(sha: str | None, name: str) -> Any:
    """DVC's files of a commit, or of the working tree. Caches and remotes are those of now: the commit's may have moved since."""
    from dvc.repo import Repo  # type: ignore[import-untyped]  # here: it takes a second that no other command should pay

    try:
        here = Repo()
        return (Repo(rev=sha, config=here.config) if sha else here).dvcfs
    except _refusals() as error:
        raise UserError(f"DVC cannot read {name}: {error}; run this in the top folder of the project") from None


def _refusals() -> tuple[type[Exception], ...]:
    """What DVC raises where it has no such file, or its remote does not answer."""
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc_data.index import DataIndexError

    return OSError, DvcException, DataIndexError


def _extract(system: Any, out: str, folder: Path, name: str) -> None:
    """The tables of one output of a version, into `folder`."""
    wanted = out
    try:
        if not system.exists(out):
            return  # of a stage that this version no longer has; dvc.lock keeps it
        listed = set(system.ls(out, detail=False))
        for wanted in (f"{out}/{table}" for table in TABLES):
            if wanted in listed:
                _put(folder / wanted, system.cat_file(wanted))
    except _refusals():
        raise UserError(_out_of_reach(wanted, name, system)) from None


def _out_of_reach(path: str, name: str, system: Any) -> str:
    remote = system.repo.config["core"].get("remote", "")
    where = f"nor in the remote {remote!r}" if remote else "and no remote is set"
    lead = f"{path} of {name} is {'neither ' if remote else 'not '}in DVC's cache here {where}"
    push = f"`dvc push --all-tags`{'' if remote else ' to a remote'} where it was built"
    return f"{lead}; run {push}, or build it again by `git checkout {name}` and `dvc repro`"


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _from_dvc(system: Any) -> Callable[[str], bytes | None]:
    def bytes_of(path: str) -> bytes | None:
        try:
            return bytes(system.cat_file(f"{DATA}/{path}"))
        except _refusals():
            return None  # a sheet with a gap tells more than no sheet

    return bytes_of


def _from_disk(path: str) -> bytes | None:
    try:
        return (DATA / path).read_bytes()
    except OSError:
        return None


def _not_recorded(outs: Iterable[str]) -> str:
    """The first table here that dvc.lock records with other bytes, or ""."""
    system = _dvc(None, "the working tree")
    for path in (f"{out}/{table}" for out in outs for table in TABLES):
        if (here := _from_disk(path.removeprefix(f"{DATA}/"))) is not None:
            recorded = _recorded(system, path)
            if recorded and recorded != hashlib.md5(here, usedforsecurity=False).hexdigest():
                return path
    return ""


def _recorded(system: Any, path: str) -> str:
    """The MD5 that dvc.lock has for a file, where the cache can tell."""
    try:
        return str(system.info(path).get("dvc_info", {}).get("md5", ""))
    except _refusals():
        return ""
