"""The sections of params.yaml that say how images become a dataset: crop, resize, rgb, augment, pair, package."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

__all__ = ["Augment", "Crop", "Fill", "Level", "Op", "Package", "Pair", "Resize", "Rgb", "Section"]

AUGMENT_CODE = re.compile(r"flip[hv]|noise_\d*\.?\d+|rot_-?\d*\.?\d+|trans_-?\d+_-?\d+|zoom(_-?\d+){4}|blur_\d*\.?\d+")
AUGMENT_FORMS = "fliph, flipv, noise_V, rot_A, trans_X_Y, zoom_X1_Y1_X2_Y2, blur_S"
TRANSFORM = re.compile(r"[A-Z][A-Za-z0-9]*")


class Section(BaseModel):
    """Frozen, and no key is accepted that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Side = Annotated[int, Field(ge=4, le=4096)]
Level = Annotated[int, Field(ge=0, le=255)]
Color = tuple[Level, Level, Level]


class Crop(Section):
    """Which part of each image is used."""

    mode: Literal["none", "center", "smart", "faces"] = Field(
        "center", description="none keeps the whole image; smart finds what stands out; faces the largest face, else as smart"
    )
    aspect: float = Field(1.0, gt=0, le=20, description="width / height of the part, for every mode but none")
    trim: bool = Field(True, description="take uniform bars and borders off first")
    tolerance: int = Field(24, ge=0, le=128, description="8-bit levels by which a bar may differ from its own colour")
    max_upscale: float = Field(0, ge=0, description="reject what would be enlarged more than this many times; 0 = never")


class Resize(Section):
    """The size everything is brought to."""

    size: Side | tuple[Side, Side] = Field(32, description="pixels of a square, or [width, height]")
    filter: Literal["lanczos", "bicubic", "area"] = Field("lanczos", description="all antialiased")
    fit: Literal["fill", "fit", "pad", "stretch"] = Field(
        "fill", description="a part of another shape: fill cuts what hangs over, pad adds what is missing, "
        "stretch distorts, fit keeps it whole, so that one side comes out shorter",
    )
    pad: Literal["transparent"] | Color = Field("transparent", description="what pad adds: transparent (rgb fills it), or 8-bit [r, g, b]")

    @property
    def width_height(self) -> tuple[int, int]:
        """The target as (width, height) in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


class Rgb(Section):
    """How transparency and odd modes become plain pixels."""

    background: Literal["white", "black", "checker", "border", "random"] | Color = Field(
        "white", description="what shows through: a colour, a checkerboard, the picture's own border colour, or a random colour for each"
    )
    mode: Literal["RGB", "L"] = Field("RGB", description="colour or grey")
    seed: int = Field(0, description="of the random backgrounds")


def _checked_code(value: str) -> str:
    for code in value.split(","):
        if not AUGMENT_CODE.fullmatch(code.strip()):
            raise ValueError(f"{code.strip()!r} is no augmentation code; allowed: {AUGMENT_FORMS}, "
                             "or a transform of Albumentations such as {HueSaturationValue: {hue_shift_limit: 10}}")
        if code.strip().startswith("zoom"):
            _, x1, y1, x2, y2 = code.strip().split("_")
            if int(x2) <= int(x1) or int(y2) <= int(y1):
                raise ValueError(f"{code.strip()!r}: the box has no area; X2 must be over X1 and Y2 over Y1")
    return value


def _checked_transform(value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    names = ", ".join(map(str, value))
    if len(value) != 1 or not TRANSFORM.fullmatch(next(iter(value))):
        raise ValueError(f"{{{names}}} is no transform; one name of Albumentations with its arguments, such as "
                         "{HueSaturationValue: {hue_shift_limit: 10}}")
    return value


def _no_arguments(value: Any) -> Any:
    """`{Equalize: }` in YAML has None where the arguments would be."""
    return {name: {} if given is None else given for name, given in value.items()} if isinstance(value, dict) else value


Code = Annotated[str, AfterValidator(_checked_code)]
Transform = Annotated[dict[str, dict[str, Any]], BeforeValidator(_no_arguments), AfterValidator(_checked_transform)]


def _form(value: Any) -> str:
    return "list" if isinstance(value, list) else "transform" if isinstance(value, dict) else "code"


Step = Annotated[Annotated[Code, Tag("code")] | Annotated[Transform, Tag("transform")], Discriminator(_form)]
Steps = Annotated[list[Step], Field(min_length=1)]
Op = Annotated[Annotated[Code, Tag("code")] | Annotated[Transform, Tag("transform")] | Annotated[Steps, Tag("list")], Discriminator(_form)]
Fill = Literal["reflect", "edge"] | Color


class Augment(Section):
    """Further copies of each training image; each entry makes one, a comma or a list joins steps in order."""

    seed: int = 0
    ops: list[Op] = Field(default=[], description=f"{AUGMENT_FORMS}, or {{NameOfAlbumentations: {{argument: value}}}}")
    copies: int = Field(1, ge=1, le=100, description="of each entry that is random; the others give the same picture every time")
    fill: Fill = Field("reflect", description="what rot, trans and zoom show from beyond the picture")


class Pair(Section):
    """Two pictures for one item: what a translator is given and what it should make of it."""

    layout: Literal["none", "side_by_side"] = Field("none", description="side_by_side: each collected image holds A left and B right")
    derive: Literal["none", "canny", "xdog", "low_resolution"] = Field(
        "none", description="A is made from the image, which is B: its edges, a drawing of it, or the image made small"
    )
    direction: Literal["AtoB", "BtoA"] = Field("AtoB", description="what is given and what is wanted")
    scale: int = Field(4, ge=2, le=16, description="how many times smaller low_resolution is")

    @model_validator(mode="after")
    def _one_origin(self) -> "Pair":
        if self.layout != "none" and self.derive != "none":
            raise ValueError("the halves come from a sheet (layout) or from the image (derive), one of the two; set the other to none")
        return self

    @property
    def on_sheets(self) -> bool:
        """Whether each collected image holds both halves."""
        return self.layout == "side_by_side"

    @property
    def paired(self) -> bool:
        """Whether the dataset holds pairs at all."""
        return self.on_sheets or self.derive != "none"


class Package(Section):
    """The versioned dataset."""

    name: str = Field("dataset", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    shards: int = Field(4, ge=1, le=100_000, description="tar files for each split")
    title: str = Field("", description="the name people read; the name where empty")
    description: str = Field("", description="a sentence or two on what it is, for the card and croissant.json")
    creator: str = Field("", description="who made the dataset, for those who cite it")
    url: str = Field("", pattern=r"^(https?://\S+)?$", description="where it can be had or read about")
