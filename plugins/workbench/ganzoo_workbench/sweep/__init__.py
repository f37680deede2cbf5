"""``ganzoo sweep``: many seeds, and every combination of listed settings, as runs side by side."""
