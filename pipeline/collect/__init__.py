"""Words to image files with provenance: `scrape` goes through a class's `sources`, `filling` takes what they list, `ledger`
remembers every page and download, `web` and `browser` reach the network past `guard` and with `manners`."""
