"""Servers that play real sites, on loopback, with the shapes those sites answer with."""
