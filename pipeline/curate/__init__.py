"""Image files to the curated list: `dedupe` finds copies by the `hashes` of their pixels, `decisions`
reads what people wrote, `gate` joins the two into the list and splits it, `pending` shows what waits."""
