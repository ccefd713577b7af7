"""The files of a packaged dataset: shards, tables, the card, the description for machines, the contact sheet."""
