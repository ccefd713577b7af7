"""What a dataset asks of the networks that learn from it."""

from dataclasses import dataclass

__all__ = ["Shape"]


@dataclass(frozen=True)
class Shape:
    """`size` and `given_size` are (height, width); `given_size` is None and `given_colors` 0 where images come without pairs."""

    size: tuple[int, int]
    colors: int
    classes: int
    given_size: tuple[int, int] | None = None
    given_colors: int = 0
