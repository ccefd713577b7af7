"""What people say of images, and nothing lost of it. A `decision` is a row of data/review/<class>.csv; the `store` writes rows as
people speak, with a `history`, on disk before it answers; `merge`, `check`, `recheck`, `agreement` and `inherit` work on them."""
