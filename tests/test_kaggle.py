import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.collect.sources import kaggle
from pipeline.collect.sources.source import Candidate
from pipeline.errors import UserError
from pipeline.source_params import Kaggle
from tests.conftest import encoded, picture
from tests.replay.local import context, fetched, listed

# As kagglehub 1.0 does it: the dataset's zip is unpacked into a cache, by owner, name and version, whose path is the answer.
STAND_IN = '''
import zipfile
from pathlib import Path

HERE = Path(__file__).parent

class NotFoundError(Exception):
    pass

def dataset_download(handle, path=None, *, force_download=False):
    owner, name, *version = handle.split("/")
    archive = HERE / f"{owner}-{name}.zip"
    if not archive.exists():
        raise NotFoundError(f"404 Client Error.\\n\\nResource not found at URL: https://www.kaggle.com/datasets/{owner}/{name}")
    folder = HERE / "cache" / owner / name / "versions" / (version[1] if version else "7")
    if not folder.exists():
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    return str(folder)
'''


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a stand-in for kagglehub, found before any real one."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/kagglehub.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path / "hub")
    before = sys.modules.pop("kagglehub", None)
    yield tmp_path / "hub"
    sys.modules.pop("kagglehub", None)
    if before:
        sys.modules["kagglehub"] = before


def test_a_dataset_is_a_folder_with_its_page_as_provenance(hub: Path, tmp_path: Path) -> None:
    data = encoded(picture(1))
    with zipfile.ZipFile(hub / "ann-pets.zip", "w") as file:
        file.writestr("train/cats/1.png", data)
        file.writestr("test/cats/2.png", encoded(picture(2)))
        file.writestr("train/dogs/3.png", encoded(picture(3)))
        file.writestr("labels.csv", "1,cat")
    with kaggle.opened(Kaggle(dataset="ann/pets", glob="*/cats/*.png"), context(tmp_path)) as source:
        url = "https://www.kaggle.com/datasets/ann/pets"
        assert listed(source) == [
            Candidate("test/cats/2.png", title="test/cats/2.png", page_url=url, split="holdout"),
            Candidate("train/cats/1.png", title="train/cats/1.png", page_url=url, split="train"),
        ]
        assert fetched(source, "train/cats/1.png") == data
        assert (source.name, source.takes_terms, source.local) == ("kaggle", False, True)


def test_a_version_is_asked_for_and_not_part_of_the_page(hub: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(hub / "ann-pets.zip", "w") as file:
        file.writestr("1.png", b"1")
    with kaggle.opened(Kaggle(dataset="ann/pets/versions/3"), context(tmp_path)) as source:
        assert listed(source)[0].page_url == "https://www.kaggle.com/datasets/ann/pets"
    assert [path.name for path in (hub / "cache/ann/pets/versions").iterdir()] == ["3"]


def test_a_refusal_by_kaggle_is_one_sentence_with_its_reason(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught, kaggle.opened(Kaggle(dataset="ann/none"), context(tmp_path)):
        pass
    told = str(caught.value)
    assert "ann/none could not be downloaded (404 Client Error. Resource not found" in told and "\n" not in told
    assert "KAGGLE_USERNAME and KAGGLE_KEY" in told and "~/.kaggle/kaggle.json" in told


def test_without_kagglehub_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match=r"pip install kagglehub.*KAGGLE_USERNAME.*kaggle\.json"), \
            kaggle.opened(Kaggle(dataset="ann/pets"), context(tmp_path)):
        pass
