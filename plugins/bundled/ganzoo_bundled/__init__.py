"""Data sets for ganzoo that need no download."""
