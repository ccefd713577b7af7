"""Image files to the curated list: `dedupe` finds the `copies` of each picture and measures its `quality`, people write `decisions`,
on the page of `review` or elsewhere, and `gate` joins all into the list and splits it."""
