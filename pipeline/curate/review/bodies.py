"""What requests bring: each has these keys and no others."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.curate.decisions.store import Word

__all__ = ["Rows", "Settled", "Step", "Words"]

MOST_ROWS, MOST_WORDS = 500, 100_000


class Body(BaseModel):
    """Another key is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Said(Body):
    """One word of a person about one image; `seen` is the state's version that the person looked at."""

    id: str
    decision: Literal["keep", "reject", ""]
    reason: str = ""
    crop: str = ""
    note: str = ""
    seen: int | None = None

    def word(self) -> Word:
        return Word(self.id, "", self.decision, self.reason, self.crop, self.note, self.seen)


class Rows(Body):
    """Which rows, and for whom."""

    rows: Annotated[list[int], Field(max_length=MOST_ROWS)]
    who: str = ""
    recheck: bool = False


class Step(Body):
    """Whose step is taken back or done again."""

    reviewer: str
    session: str = ""


class Words(Step):
    """What one person says at once."""

    words: Annotated[list[Said], Field(max_length=MOST_WORDS)]
    blind: bool = False


class Settled(Step):
    """The word that ends a disagreement."""

    word: Said
