"""Measurements beside public tools, on the same work in one run: make bench ROOM=curate."""
