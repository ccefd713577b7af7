"""The labelled set that judges deduplication: distinct images, copies of them that are known, and who finds them.

`originals` gets the images, `variants` makes the copies and the table of labels, `peers` has the public tools group the
files, and `score` says how right any grouping is.
"""
