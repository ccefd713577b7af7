"""Words to image files with provenance: `scrape` fills one class from its `sources`, `ledger` remembers
every download, `fetch` and `browser` reach the network, `photosite` is the demo's own image search."""
