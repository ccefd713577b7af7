"""Photographs of known sizes, and the ways to bring them to 256x256 that are measured against each other."""
