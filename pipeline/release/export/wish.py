"""What of a dataset is exported, and in how many files."""

from dataclasses import dataclass

__all__ = ["Wish"]


@dataclass(frozen=True)
class Wish:
    """`split` is one split, or "" for every one; `shards` is a number of files for each split, or 0 for as many as `shard_bytes` asks."""

    split: str = ""
    originals_only: bool = False
    shards: int = 0
    shard_bytes: int = 256_000_000
