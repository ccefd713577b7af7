"""What each source of images can be told in params.yaml: one model per source, named as the source is.

An entry of `sources:` is a name, or `{name: {option: value}}`. Packages may bring sources of their own by an
entry point in the group "darkroom.sources"; their options are theirs to check.
"""

from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

__all__ = ["NAMES", "OneSource", "Source", "installed_names", "name_of", "options_of"]


class Options(BaseModel):
    """Frozen, and no key is accepted that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Google(Options):
    """Google Images, by a browser."""

    size: Literal["any", "large", "medium", "icon"] = Field("any", description="as Google sorts them")
    kind: Literal["any", "photo", "face", "clipart", "lineart", "animated"] = "any"
    license: Literal["any", "creative-commons", "commercial"] = Field("any", description="as Google believes; never proof")
    site: str = Field("", pattern=r"^\S*$", description="only pages of this site, such as example.org")
    safe: bool = Field(True, description="SafeSearch")


class Bing(Options):
    """Bing Images, by its result pages."""

    size: Literal["any", "small", "medium", "large", "wallpaper"] = "any"
    kind: Literal["any", "photo", "clipart", "linedrawing", "transparent", "animatedgif"] = "any"
    aspect: Literal["any", "square", "wide", "tall"] = "any"
    license: Literal["any", "creative-commons", "public-domain", "share", "share-commercially", "modify", "modify-commercially"] = "any"
    safe: Literal["off", "moderate", "strict"] = "moderate"


class DuckDuckGo(Options):
    """DuckDuckGo Images, by its JSON pages."""

    size: Literal["any", "small", "medium", "large", "wallpaper"] = "any"
    kind: Literal["any", "photo", "clipart", "gif", "transparent", "line"] = "any"
    aspect: Literal["any", "square", "wide", "tall"] = "any"
    license: Literal["any", "creative-commons", "public-domain", "share", "share-commercially", "modify", "modify-commercially"] = "any"
    region: str = Field("us-en", pattern=r"^[a-z]{2}-[a-z]{2}$", description="country-language; wt-wt is everywhere")
    safe: Literal["off", "moderate", "strict"] = "moderate"


class Commons(Options):
    """Wikimedia Commons, by its API."""

    category: str = Field("", description='only files of this category, such as "Houses in Vancouver"')


class Openverse(Options):
    """Openverse, by its API; the token, if any, is in the environment variable OPENVERSE_TOKEN."""

    category: Literal["any", "photograph", "illustration", "digitized_artwork"] = "any"
    size: Literal["any", "small", "medium", "large"] = "any"
    aspect: Literal["any", "square", "wide", "tall"] = "any"
    source: str = Field("", description="only from this provider, such as flickr")
    use: list[Literal["commercial", "modification"]] = Field(default=[], description="only licences that allow it")


class Flickr(Options):
    """Flickr, by its API; the key is in the environment variable FLICKR_API_KEY."""

    sort: Literal["relevance", "date-posted-desc", "interestingness-desc"] = "relevance"
    tags: bool = Field(False, description="match tags only, not titles and descriptions")


class Urls(Options):
    """A list of addresses: a CSV, TSV or Parquet table, or a text file with one address a line."""

    path: str = Field(min_length=1, description="the file; relative to this project, or absolute")
    url: str = Field("url", description="the column with the image's address")
    label: str = Field("", description="only rows whose class column says this; this class's own name where empty")


class Folder(Options):
    """Image files that are already on this machine."""

    path: str = Field(min_length=1, description="a folder; relative to this project, or absolute")
    glob: str = Field("**/*", description='which files below it, such as "*.jpg"')


class Archive(Options):
    """Image files in a zip or tar file."""

    path: str = Field(min_length=1, description="the file; relative to this project, or absolute")
    glob: str = Field("**", description='which files in it, such as "train/cats/*.jpg"')


class Kaggle(Options):
    """A Kaggle dataset; needs the package kagglehub and Kaggle's credentials."""

    dataset: str = Field(pattern=r"^[\w-]+/[\w.-]+(/versions/\d+)?$", description="owner/name, or owner/name/versions/3")
    glob: str = Field("**/*", description='which files of it, such as "train/cats/*.jpg"')


class Torchvision(Options):
    """A dataset that torchvision knows: downloaded, checked against its published sums, read as images."""

    dataset: Literal["mnist", "svhn", "cifar10", "celeba"]
    label: int | None = Field(None, ge=0, le=10_177, description="only this class of it, by its number")
    split: Literal["all", "train", "test", "valid", "extra"] = Field("all", description="only this split of it")
    root: str = Field("", description="a folder that has the files already; downloaded where empty")


class Pixels(Options):
    """A CSV with one image a row: a label and its pixels, such as Kaggle's digit-recognizer."""

    path: str = Field(min_length=1, description="the file; relative to this project, or absolute")
    label: str = Field("", description="only rows with this label; all of them where empty")
    column: str = Field("label", description="the label's column; a file without it is unlabelled")
    width: int = Field(0, ge=0, description="pixels; the square root of their number where 0")
    channels: Literal[1, 3] = Field(1, description="1 grey, 3 red, green, blue, pixel by pixel")


class Photosite(Options):
    """The image search that Darkroom serves itself, used through a browser."""

    folder: str = Field("", description="serve the images of this folder instead of the emoji")


class OneSource(BaseModel):
    """`{name: {option: value}}` with one name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    google: Google | None = None
    bing: Bing | None = None
    duckduckgo: DuckDuckGo | None = None
    commons: Commons | None = None
    openverse: Openverse | None = None
    flickr: Flickr | None = None
    urls: Urls | None = None
    folder: Folder | None = None
    archive: Archive | None = None
    kaggle: Kaggle | None = None
    torchvision: Torchvision | None = None
    pixels: Pixels | None = None
    photosite: Photosite | None = None

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            raise ValueError("one source an entry, such as - bing: {size: large}")
        if isinstance(value, dict):
            name, options = next(iter(value.items()))
            _known(str(name)) if options is not None else _complete(str(name))
        return value


NAMES = tuple(OneSource.model_fields)
WITHOUT_OPTIONS = tuple(n for n in NAMES if n not in ("urls", "folder", "archive", "kaggle", "torchvision", "pixels"))


def installed_names() -> list[str]:
    """The names of sources that other installed packages bring."""
    return sorted(point.name for point in entry_points(group="darkroom.sources"))


def _known(name: str) -> str:
    if name not in NAMES and name not in installed_names():
        raise ValueError(f"there is no source {name!r}; there are {', '.join([*NAMES, *installed_names()])}")
    return name


def _complete(name: str) -> str:
    if _known(name) in NAMES and name not in WITHOUT_OPTIONS:
        raise ValueError(f"the source {name} needs options, such as - {name}: {{{EXAMPLES[name]}}}")
    return name


EXAMPLES = {
    "urls": "path: list.csv", "folder": 'path: SOME/FOLDER, glob: "*.jpg"', "archive": "path: photos.zip",
    "kaggle": "dataset: owner/name", "torchvision": "dataset: mnist, label: 7", "pixels": 'path: train.csv, label: "7"',
}
Source = Annotated[
    Annotated[str, AfterValidator(_complete), Tag("name")] | Annotated[OneSource, Tag("options")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "options"),
]


def name_of(source: "str | OneSource") -> str:
    """The name of an entry of `sources:`."""
    return source if isinstance(source, str) else next(iter(source.model_fields_set))


def options_of(source: "str | OneSource") -> Any:
    """Its options: the model above with its defaults filled in; for a source of another package, a dict or {}."""
    name = name_of(source)
    if name not in NAMES:
        return {} if isinstance(source, str) else getattr(source, name)
    return MODELS[name]() if isinstance(source, str) else getattr(source, name) or MODELS[name]()


MODELS: dict[str, Any] = {
    "google": Google, "bing": Bing, "duckduckgo": DuckDuckGo, "commons": Commons, "openverse": Openverse, "flickr": Flickr,
    "urls": Urls, "folder": Folder, "archive": Archive, "kaggle": Kaggle, "torchvision": Torchvision, "pixels": Pixels,
    "photosite": Photosite,
}
