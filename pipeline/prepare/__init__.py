"""The curated list to a versioned dataset: `crop` decides boxes, `resize`, `rgb` and `augment` make
pixels through folder.mirror, `package` writes the shards and `card` says what is in them."""
