"""Images that are already on this machine: the files of a folder that match a pattern, by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.fetch import MAX_BYTES, FetchError
from pipeline.collect.sources.source import Candidate, Found
from pipeline.errors import UserError
from pipeline.params import FolderFiles

__all__ = ["FolderSource", "opened"]


@dataclass(frozen=True)
class FolderSource:
    """Nothing is known of the files but their names: the licence is unknown, the title is the name."""

    folder: Path
    glob: str
    name: str = "folder"
    takes_terms: bool = False
    remembers: bool = False

    def search(self, term: str) -> Iterator[Candidate]:
        try:
            paths = sorted(path for path in self.folder.glob(self.glob) if path.is_file())
        except (ValueError, NotImplementedError) as error:
            raise UserError(f"params.yaml: sources: folder: glob {self.glob!r} is no pattern ({error})") from None
        for path in paths:
            yield Candidate(path.relative_to(self.folder).as_posix())

    def fetch(self, candidate: Candidate) -> Found:
        path = self.folder / candidate.address
        try:
            if path.stat().st_size > MAX_BYTES:
                raise FetchError(f"{path}: more than {MAX_BYTES // 2**20} MiB")
            return Found(path.read_bytes(), title=candidate.address)
        except OSError as error:
            raise FetchError(str(error)) from None


@contextmanager
def opened(files: FolderFiles) -> Iterator[FolderSource]:
    """The folder as a source. Raises UserError where there is none."""
    folder = Path(files.path).expanduser()
    if not folder.is_dir():
        raise UserError(f"params.yaml: sources: folder: path {files.path!r} is no folder (looked for {folder.resolve()})")
    yield FolderSource(folder, files.glob)
